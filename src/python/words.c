/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python's words: frames of asyncio and other loops, names of blocking calls, advice. They need no
 * process.
 */
#include <ctype.h>
#include <string.h>

#include "base/array.h"
#include "python/py_words.h"

/*
 * The loop's own frames. `file` ends the path at a component; one that ends with a slash names a
 * folder; NULL stands for any file: loops of other libraries (nest_asyncio, qasync, gbulb) have
 * methods of these names, because asyncio calls them so. A NULL function stands for all in the
 * file. First match wins. uvloop has no frames of its own: there the function that runs the loop is
 * the boundary.
 */
static const struct loop_frame {
	const char *file, *function;
	enum frame_role role;
	enum loop_library library; /* that this frame shows to be the one of the loop */
	bool runs_loop; /* that of a library whose poll alone is known */
} loop_frames[] = {
	{ "asyncio/events.py", "_run", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ "asyncio/base_events.py", "run_forever", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ "asyncio/base_events.py", "run_until_complete", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ "asyncio/runners.py", "run", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ "uvloop/__init__.py", "run", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ "aiohttp/web.py", "run_app", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ "asyncio/base_events.py", "_run_once", FRAME_TURN, LIBRARY_DEFAULT, false },
	{ "asyncio/", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "selectors.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "socketserver.py", "serve_forever", FRAME_LOOP, LIBRARY_SERVER, true },
	{ "socketserver.py", NULL, FRAME_LOOP, LIBRARY_SERVER, false },
	{ "asyncore.py", "loop", FRAME_LOOP, LIBRARY_DEFAULT, true },
	{ "asyncore.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "http/server.py", "handle", FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "http/server.py", "handle_one_request", FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "wsgiref/simple_server.py", "handle", FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "wsgiref/handlers.py", "run", FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "gevent/hub.py", "run", FRAME_LOOP, LIBRARY_GEVENT, true },
	{ "gevent/", NULL, FRAME_LOOP, LIBRARY_GEVENT, false },
	{ "zmq/sugar/poll.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "eventlet/hubs/hub.py", "run", FRAME_LOOP, LIBRARY_EVENTLET, true },
	{ "eventlet/hubs/", NULL, FRAME_LOOP, LIBRARY_EVENTLET, false },
	{ "eventlet/greenthread.py", NULL, FRAME_LOOP, LIBRARY_EVENTLET, false },
	{ "twisted/internet/defer.py", "_inlineCallbacks", FRAME_RESUMES, LIBRARY_TWISTED, false },
	{ "twisted/internet/base.py", "mainLoop", FRAME_LOOP, LIBRARY_TWISTED, true },
	{ "twisted/internet/", NULL, FRAME_LOOP, LIBRARY_TWISTED, false },
	{ "twisted/python/", NULL, FRAME_LOOP, LIBRARY_TWISTED, false },
	{ "tornado/gen.py", "run", FRAME_RESUMES, LIBRARY_DEFAULT, false },
	{ "tornado/gen.py", "wrapper", FRAME_RESUMES, LIBRARY_DEFAULT, false },
	{ "tornado/gen.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "tornado/ioloop.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "tornado/concurrent.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "tornado/platform/asyncio.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "curio/kernel.py", NULL, FRAME_LOOP, LIBRARY_DEFAULT, false },
	{ "trio/_core/_run.py", "unrolled_run", FRAME_BOUNDARY, LIBRARY_TRIO, false },
	{ "trio/_core/_run.py", "run", FRAME_BOUNDARY, LIBRARY_TRIO, false },
	{ "trio/_core/_io_epoll.py", NULL, FRAME_LOOP, LIBRARY_TRIO, false },
	{ "nest_asyncio.py", "run", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ NULL, "run_forever", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ NULL, "run_until_complete", FRAME_BOUNDARY, LIBRARY_DEFAULT, false },
	{ NULL, "_run_once", FRAME_LOOP, LIBRARY_DEFAULT, false },
};

static bool path_ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), n_end = strlen(end);
	const char *slash = strrchr(path, '/');

	if (end[n_end - 1] == '/') {
		if (!slash)
			return false;
		n = (size_t)(slash - path) + 1;
	}
	if (n < n_end || strncmp(path + n - n_end, end, n_end))
		return false;
	return n == n_end || path[n - n_end - 1] == '/';
}

/* Names are qualified from 3.11 on only, so no more than what follows the last dot is compared. */
static bool function_is(const char *function, const char *name)
{
	const char *dot = strrchr(function, '.');

	return !strcmp(dot ? dot + 1 : function, name);
}

static const struct loop_frame *find_loop_frame(const char *file, const char *function)
{
	for (size_t i = 0; i < N_OF(loop_frames); i++) {
		const struct loop_frame *l = &loop_frames[i];

		if ((!l->file || path_ends_with(file, l->file)) &&
		    (!l->function || function_is(function, l->function)))
			return l;
	}
	return NULL;
}

static enum frame_role frame_role(const char *file, const char *function)
{
	const struct loop_frame *l = find_loop_frame(file, function);

	return l ? l->role : FRAME_USER;
}

static bool runs_loop(const char *file, const char *function)
{
	const struct loop_frame *l = find_loop_frame(file, function);

	return l && l->runs_loop;
}

enum loop_library py_frame_library(const char *file, const char *function)
{
	const struct loop_frame *l = find_loop_frame(file, function);

	return l ? l->library : LIBRARY_DEFAULT;
}

/* Behind the last folder of installed packages in the path; NULL if there is none. */
static const char *installed_part(const char *file)
{
	static const char *const folders[] = { "/site-packages/", "/dist-packages/" };
	const char *part = NULL, *at;

	for (size_t i = 0; i < N_OF(folders); i++)
		for (at = file; (at = strstr(at, folders[i])); part = at)
			at += strlen(folders[i]);
	return part;
}

/* ".../lib/python3.11/..." or ".../lib64/python3.14t/...", also as an archive (python311.zip). */
static bool is_standard_library(const char *file)
{
	static const char mark[] = "/python3", version[] = "0123456789.t";
	const char *at = file, *end;

	while ((at = strstr(at, mark))) {
		end = at + sizeof(mark) - 1;
		end += strspn(end, version);
		if (*end == '/' &&
		    ((at - file >= 4 && !strncmp(at - 4, "/lib", 4)) ||
		     (at - file >= 6 && !strncmp(at - 6, "/lib64", 6))))
			return true;
		if (!strncmp(end, "zip/", 4))
			return true;
		at = end;
	}
	return false;
}

/* Template engines compile to functions that claim to be of the template's file. */
static bool is_template(const char *file)
{
	static const char *const endings[] = { "html", "htm",  "xhtml", "xml", "txt", "jinja",
					       "j2",   "mako", "tmpl",	"tpl", "pt",  "jinja2" };
	const char *slash = strrchr(file, '/');
	const char *dot = strrchr(slash ? slash : file, '.');

	for (size_t i = 0; dot && i < N_OF(endings); i++)
		if (!strcmp(dot + 1, endings[i]))
			return true;
	return false;
}

/* "<frozen importlib._bootstrap>", "<string>"; what is typed in is the user's. */
static enum code_origin origin_of_no_file(const char *file)
{
	static const char *const typed[] = { "<stdin>", "<console>", "<python-input", "<ipython" };

	if (!strncmp(file, "<frozen", 7))
		return ORIGIN_RUNTIME;
	for (size_t i = 0; i < N_OF(typed); i++)
		if (!strncmp(file, typed[i], strlen(typed[i])))
			return ORIGIN_USER;
	return ORIGIN_GENERATED;
}

static enum code_origin origin(const char *file)
{
	if (file[0] == '<')
		return origin_of_no_file(file);
	if (installed_part(file))
		return ORIGIN_INSTALLED;
	if (is_standard_library(file))
		return ORIGIN_RUNTIME;
	return is_template(file) ? ORIGIN_TEMPLATE : ORIGIN_USER;
}

/* Distributions are named with hyphens, their modules with underscores. */
static char module_character(char c)
{
	return c == '-' ? '_' : c == '.' ? '/' : c;
}

static bool is_of_package(const char *file, const char *name)
{
	const char *part = installed_part(file);

	for (; part && *name; name++, part++)
		if (*part != *name && *part != module_character(*name))
			return false;
	return part && (*part == '/' || !strcmp(part, ".py"));
}

/* "<lambda>", "report.<locals>.<genexpr>"; a module's text has no function around it. */
static bool is_nameless(const char *function)
{
	const char *dot = strrchr(function, '.'), *last = dot ? dot + 1 : function;

	return last[0] == '<' && strcmp(last, "<module>") != 0;
}

/* asyncio names a task "Task-17" if the program does not name it. */
static bool is_given_name(const char *name)
{
	static const char prefix[] = "Task-";
	const size_t n = sizeof(prefix) - 1;

	return !strncmp(name, prefix, n) && name[n] &&
		strspn(name + n, "0123456789") == strlen(name + n);
}

/*
 * A function of Python is named only where nothing else can be meant: a C extension that calls
 * fsync is not os.fsync.
 */
static const char *call(enum ls_cause cause, const char *syscall)
{
	if (cause == LS_CAUSE_GIL)
		return "GIL";
	if (cause == LS_CAUSE_SLEEP && syscall && !strcmp(syscall, "clock_nanosleep"))
		return "time.sleep";
	return NULL;
}

/* Where time.sleep is a module of its own, and not in the interpreter. */
static bool is_own_module(const char *module)
{
	static const char *const prefixes[] = { "libpython", "time.cpython-", "time.so" };

	for (size_t i = 0; i < N_OF(prefixes); i++)
		if (!strncmp(module, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* uvloop's own module, or the libuv that a distribution links it with. */
static bool is_loop_module(const char *module)
{
	return !strncmp(module, "loop.cpython-", 13) || !strncmp(module, "libuv.so", 8);
}

/* Those whose main loop polls. Others sleep, or wait for a lock. */
static bool is_supervisor(const char *file)
{
	static const char *const files[] = { "gunicorn/arbiter.py", "multiprocessing/forkserver.py",
					     "supervisor/poller.py", "supervisor/supervisord.py" };

	for (size_t i = 0; i < N_OF(files); i++)
		if (path_ends_with(file, files[i]))
			return true;
	return false;
}

/*
 * threading.Condition gives each wait a lock of its own, and notify() releases it; up to 3.12 the
 * end of a thread releases a lock for those who join it, later it sets an event of C. Source:
 * cpython Lib/threading.py.
 */
static bool is_notification(const char *file, const char *function)
{
	static const char *const functions[] = { "wait", "notify", "_wait_for_tstate_lock",
						 "join" };
	const char *slash = strrchr(file, '/');

	if (strcmp(slash ? slash + 1 : file, "threading.py") != 0 || !is_standard_library(file))
		return false;
	/* From 3.11 on frames have qualified names in some places. */
	slash = strrchr(function, '.');
	for (size_t i = 0; i < N_OF(functions); i++)
		if (!strcmp(slash ? slash + 1 : function, functions[i]))
			return true;
	return false;
}

/* "gc.collect()", or "collect()" of `from gc import collect`. */
static bool collects(const char *line)
{
	for (const char *at = line; (at = strstr(at, "collect(")); at++) {
		const char before = at > line ? at[-1] : ' ';

		if (before == '.' ? at - line >= 3 && !strncmp(at - 3, "gc", 2) :
				    before != '_' && !isalnum((unsigned char)before))
			return true;
	}
	return false;
}

/*
 * __del__, and what weakref.py calls when an object has died: finalize objects, and the callbacks
 * of its containers and of WeakMethod.
 */
static bool is_finalizer(const char *file, const char *function)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;

	if (function_is(function, "__del__"))
		return true;
	if (!is_standard_library(file))
		return false;
	if (!strcmp(base, "weakref.py"))
		return function_is(function, "__call__") || function_is(function, "remove") ||
			function_is(function, "_cb");
	return !strcmp(base, "_weakrefset.py") && function_is(function, "_remove");
}

/* What is not here is said in neutral words. */
static const struct finding_words findings[FINDING_MAX] = {
	[FINDING_SMALL_STEPS] = { "runs too many steps in one turn",
				  "run too many steps in one turn",
				  "Many short steps in one turn of the loop add up to a stall",
				  "Start fewer tasks at once (asyncio.Semaphore), or spread the "
				  "work over more loops or processes" },
	[FINDING_SLEEP] = { "sleeps on the loop", "sleep on the loop",
			    "Blocks the loop in a call that sleeps",
			    "Use await asyncio.sleep(...); if it waits for something outside, "
			    "await that instead" },
	[FINDING_LIBRARY_SLEEP] = { "calls a library that sleeps on the loop",
				    "call a library that sleeps on the loop",
				    "Blocks the loop in a native library that sleeps, as a "
				    "database's does that waits for a lock",
				    "Call it in a thread: await asyncio.to_thread(...), or use an "
				    "asyncio client; a shorter timeout bounds the wait" },
	[FINDING_NESTED_LOOP] = { "waits in another loop that it runs",
				  "wait in another loop that they run",
				  "Blocks the loop while another loop waits that it runs inside",
				  "Await the coroutine itself, in place of asyncio.run(...) or "
				  "run_until_complete(...); what needs a loop of its own can have "
				  "it in a thread: await asyncio.to_thread(asyncio.run, ...)" },
	[FINDING_NETWORK] = { "waits for a socket on the loop", "wait for a socket on the loop",
			      "Blocks the loop in a call that waits for a socket",
			      "Use an asyncio client or streams; as a last resort await "
			      "asyncio.to_thread(...)" },
	[FINDING_OPEN] = { "opens a file or FIFO on the loop", "open a file or FIFO on the loop",
			   "Blocks the loop while it opens a file, or until a FIFO has its other "
			   "end",
			   "Open it in a thread: await asyncio.to_thread(open, ...); a FIFO with "
			   "os.O_NONBLOCK, for loop.connect_read_pipe" },
	[FINDING_FILE] = { "waits for a file or disk on the loop",
			   "wait for a file or disk on the loop",
			   "Blocks the loop while it waits for a file or disk",
			   "Move the file access to a thread: await asyncio.to_thread(...)" },
	[FINDING_PIPE] = { "waits for a pipe on the loop", "wait for a pipe on the loop",
			   "Blocks the loop while it waits for a pipe",
			   "Use loop.connect_read_pipe or connect_write_pipe; for a child "
			   "process, asyncio.create_subprocess_exec" },
	[FINDING_LOCK] = { "waits for a thread lock on the loop",
			   "wait for a thread lock on the loop",
			   "Blocks the loop while it waits for a lock that another thread holds",
			   "Use asyncio.Lock between coroutines; wait for threads with await "
			   "asyncio.to_thread(...)" },
	[FINDING_FILE_LOCK] = { "waits for the lock of a file on the loop",
				"wait for the lock of a file on the loop",
				"Blocks the loop while it waits for the lock of a file that "
				"another process or open file has",
				"Take it in a thread: await asyncio.to_thread(...); or try with "
				"LOCK_NB, and await asyncio.sleep(...) before the next try" },
	[FINDING_NOTIFIED] = { "waits for another thread on the loop",
			       "wait for another thread on the loop",
			       "Blocks the loop until another thread has done something",
			       "Await the result (await loop.run_in_executor(...), "
			       "asyncio.wrap_future(...)); for events and queues use asyncio's, "
			       "set by loop.call_soon_threadsafe(...)" },
	[FINDING_PROCESS] = { "waits for a child process on the loop",
			      "wait for a child process on the loop",
			      "Blocks the loop while it starts or waits for a child process",
			      "Use await asyncio.create_subprocess_exec(...) and await its "
			      "wait()" },
	[FINDING_DNS] = { "looks up host names on the loop", "look up host names on the loop",
			  "Blocks the loop in getaddrinfo, a name look-up",
			  "Use await loop.getaddrinfo(...), or connect by "
			  "asyncio.open_connection" },
	[FINDING_GIL] = { "waits for the GIL that other threads hold",
			  "wait for the GIL that other threads hold",
			  "Waits for the GIL while another thread computes",
			  "Move that thread's work to a process; a shorter sys.setswitchinterval "
			  "trades speed for latency" },
	[FINDING_HOLDER_COLLECTS] = { "waits while Python collects garbage in another thread",
				      "wait while Python collects garbage in another thread",
				      "Waits for the GIL while another thread collects garbage; "
				      "that thread's line only happened to allocate",
				      "Call gc.freeze() after start-up, raise the thresholds "
				      "(gc.set_threshold), keep fewer containers alive" },
	[FINDING_GC] = { "is paused by the garbage collector",
			 "are paused by the garbage collector",
			 "Pauses while Python collects garbage; its line only happened to allocate",
			 "Call gc.freeze() after start-up, raise the thresholds "
			 "(gc.set_threshold), keep fewer containers alive" },
	[FINDING_COLLECTS] = { "calls gc.collect() on the loop", "call gc.collect() on the loop",
			       "Calls the garbage collector, which stops all threads",
			       "Leave it to Python to collect, or call it where nothing waits; "
			       "gc.freeze() after start-up makes each collection shorter" },
	[FINDING_NEVER_YIELDS] = { "computes for over a second without a pause",
				   "compute for over a second without a pause",
				   "Computes for over a second without giving the loop a turn",
				   "Move it to a process (ProcessPoolExecutor), or pause in its "
				   "loop with await asyncio.sleep(0)" },
	[FINDING_CPU] = { "computes too long on the loop", "compute too long on the loop",
			  "Computes on the loop's thread",
			  "Move it to a process (ProcessPoolExecutor), or native code that "
			  "releases the GIL to a thread: await asyncio.to_thread(...)" },
	[FINDING_AWAITS] = { "awaits again and again without suspending",
			     "await again and again without suspending",
			     "Awaits again and again, but never has to wait: the loop gets no turn",
			     "Pause now and then in the loop that awaits: await asyncio.sleep(0)" },
	[FINDING_PAGE_FAULTS] = { "touches memory that the kernel has to provide",
				  "touch memory that the kernel has to provide",
				  "Touches memory for the first time, or that a forked child "
				  "shares: the kernel provides or copies each page",
				  "Start children with multiprocessing's spawn or forkserver, or "
				  "(from 3.10 on) subprocess without preexec_fn; fill large "
				  "buffers early and reuse them" },
	[FINDING_GIL_HELD] = { "computes too long on the loop", "compute too long on the loop",
			       "Computes on the loop's thread with the GIL",
			       "Move it to a process (ProcessPoolExecutor): a thread of "
			       "asyncio.to_thread would wait for the GIL" },
	[FINDING_GIL_RELEASED] = { "computes in native code on the loop",
				   "compute in native code on the loop",
				   "Computes on the loop's thread in native code that releases the "
				   "GIL",
				   "Call it in a thread: await asyncio.to_thread(...); the loop "
				   "runs meanwhile" },
	[FINDING_OWN_THREADS] = { "waited for a CPU that other threads of the process had",
				  "waited for a CPU that other threads of the process had",
				  "Was ready to run, but other threads of its own process had the "
				  "CPU",
				  "Let fewer threads compute at once (OMP_NUM_THREADS, a smaller "
				  "ThreadPoolExecutor), or give the process more CPUs" },
	[FINDING_OTHER] = { "makes a call that blocks the loop", "make calls that block the loop",
			    "Blocks the loop in a system call",
			    "Find an asyncio way to wait for it, or await asyncio.to_thread(...)" },
	[FINDING_EXECUTOR] = { "has all threads of its default executor busy",
			       "have all threads of their default executors busy",
			       "All threads of its default executor are busy and calls wait for "
			       "one",
			       "Give the loop a larger ThreadPoolExecutor "
			       "(loop.set_default_executor), or slow calls one of their own" },
	[FINDING_POOL_EXECUTOR] = { NULL, NULL,
				    "All threads of a ThreadPoolExecutor are busy and calls wait "
				    "for one",
				    "Make what its threads do faster, or give it more of them "
				    "(max_workers); the loop itself is not the cause" },
	[FINDING_POOL_LIMITER] = { NULL, NULL,
				   "All threads that a limiter lets in are busy and calls wait for "
				   "one",
				   "Make slow endpoints async, or raise the limit "
				   "(anyio.to_thread.current_default_thread_limiter()"
				   ".total_tokens); the loop itself is not the cause" },
	[FINDING_POOL_CONNECTIONS] = { NULL, NULL,
				       "All connections of a pool are taken and tasks wait for one",
				       "Give connections back sooner (none held over a slow "
				       "await), or make the pool larger; the loop itself is not "
				       "the cause" },
};

const struct runtime_words words_python = {
	.name = "python",
	.title = "CPython",
	.language = "Python",
	.frame_role = frame_role,
	.runs_loop = runs_loop,
	.origin = origin,
	.is_of_package = is_of_package,
	.is_nameless = is_nameless,
	.is_given_name = is_given_name,
	.call = call,
	.is_own_module = is_own_module,
	.is_loop_module = is_loop_module,
	.is_supervisor = is_supervisor,
	.is_notification = is_notification,
	.collects = collects,
	.findings = findings,
	.advice = py_advice,
	.is_finalizer = is_finalizer,
	.not_there = "the process does not run a CPython yet",
	.not_up = "its interpreter is still starting up",
	.no_loops = "it has not imported asyncio",
};
