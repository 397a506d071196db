/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is it? Examines one process from outside (/proc, ELF files through /proc/PID/root, memory reads) and
 * yields plain data: the interpreter, where it keeps things, and the spots a probe may sit on. Never
 * stops or changes the process. A new runtime is another examiner behind target__examine().
 */
#ifndef LOOPSTALL_TARGET_TARGET_H
#define LOOPSTALL_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

#include "base/err.h"

/* How the steps of a target can be seen, best first. */
#define TARGET_RUNGS(_)                                                                            \
	_(SYMBOL, "symbol", "step function found by its symbol")                                   \
	_(ENTRY, "entry", "step function found from the imports and method tables of a stripped module") \
	_(NONE, "none", "no step function found: its threads are sampled")

enum target_rung {
#define _(name, word, sentence) TARGET_RUNG_##name,
	TARGET_RUNGS(_)
#undef _
};

const char *target_rung_word(enum target_rung rung);
const char *target_rung_sentence(enum target_rung rung);

/* How the steps of tasks written in Python can be seen, best first. */
#define TARGET_SENDS(_)                                                                            \
	_(CALL, "call", "calls behind coroutine.send() and .throw()")                              \
	_(TASK, "task", "_enter_task and _leave_task: of asyncio only, not of other libraries")     \
	_(NONE, "none", "not timed: coroutine.send() has no place that could be probed")

enum target_sends {
#define _(name, word, sentence) TARGET_SENDS_##name,
	TARGET_SENDS(_)
#undef _
};

const char *target_sends_word(enum target_sends sends);
const char *target_sends_sentence(enum target_sends sends);

/* One place to put a uprobe: a file offset of `path` (already under /proc/PID/root) and its meaning. */
struct target_spot {
	uint64_t file_offset;
	uint64_t vaddr;
	enum ls_spot kind;
	uint8_t is_emulable; /* false: the kernel must single-step it, 12 us instead of 0.6 */
};

/* One ELF file of the target with the spots found in it. */
struct target_module {
	char *path; /* as the target names it */
	char *host_path; /* as we can open it: /proc/PID/root + path */
	dev_t dev;
	ino_t ino;
	size_t n_spots;
	struct target_spot *spots;
};

enum target_loop_kind { TARGET_LOOP_UNKNOWN, TARGET_LOOP_ASYNCIO, TARGET_LOOP_UVLOOP, TARGET_LOOP_TRIO };
const char *target_loop_kind_word(enum target_loop_kind kind);

/* A thread with a running event loop, as found by reading the process once. */
struct target_loop_thread {
	pid_t tid; /* in our pid namespace, 0 if unknown */
	uint64_t loop; /* address of the loop object */
	uint64_t tstate; /* of its thread state */
	enum target_loop_kind kind;
	char type_name[64];
};

struct target {
	pid_t pid;
	uint64_t start_time_ticks; /* from /proc/PID/stat: tells a reused pid */
	char comm[64];
	char *cmdline; /* one line, arguments joined with spaces, not yet escaped */
	char *exe; /* path as the target names it */
	char *core_path; /* libpython or the executable that holds the interpreter */
	uint8_t version[3]; /* 3, 11, 2 */
	char python[16]; /* "3.11.2"; "3.14.0t" if built without the GIL */
	bool is_newer; /* than all versions known: read with its own tables, which were found to fit */
	bool is_free_threaded; /* built without the GIL, though it may be switched on */
	bool is_static; /* the interpreter is the executable itself */
	bool is_stripped; /* its asyncio module has no .symtab */
	bool is_replaced; /* its program's file was deleted or replaced since it started */
	bool is_container; /* another mount, pid or user namespace than ours */
	char *cgroup; /* "/docker/4f1a...", not yet escaped; NULL if it is in none */
	bool has_asyncio; /* _asyncio is mapped (or built in) now */
	bool has_greenlet; /* a greenlet module is mapped */
	bool has_uvloop;
	pid_t ns_pid; /* pid inside its own namespace */
	enum target_rung rung;
	char rung_note[160]; /* what is wrong or missing at the step spots, "" if nothing */
	struct known_files *known; /* what was found in its files */
	uint64_t files_stamp; /* of the files it had mapped */
	enum target_sends sends;
	uint64_t core_bias; /* added to the core ELF's addresses */
	uint64_t runtime; /* address of _PyRuntime in the process */
	uint64_t interp; /* main interpreter, 0 while it starts up */
	uint64_t none; /* address of None */
	uint64_t asyncio_bias; /* added to the asyncio module's addresses, valid if has_asyncio */
	struct ls_proc proc; /* what the kernel side needs; complete once interp is set */
	size_t n_modules;
	struct target_module *modules;
};

/* What may help an examination; each may be NULL. */
struct target_context {
	/* One that is likely to have the same files: the process itself as it was, its parent. They are not searched again. */
	const struct target *relative;
	/* Called before a file is searched, which takes up to 100 ms for all files of a process. */
	void (*on_search)(void *ctx);
	void *ctx;
};

/*
 * Examines `pid`. Works also before the interpreter is initialised or asyncio is imported: then
 * `interp` is 0 or `has_asyncio` false, and the asyncio module's spots come from the file the interpreter
 * would import. Call again to learn more. Returns 0 or
 * -ESRCH no such process or a zombie, -EACCES/-EPERM may not read it, -ENOEXEC not a CPython (PyPy and
 * 32-bit programs say so in err), -ENOTSUP a CPython of a version not supported.
 * `context` may be NULL.
 */
int target__examine(struct target **ret_target, pid_t pid, const struct target_context *context, struct err *err);
/* Whether another examination would find nothing else: the interpreter is up, and the same files are mapped. Costs little. */
bool target__is_current(const struct target *t);
void target__free(struct target *t);
static inline void target__freep(struct target **t)
{
	target__free(*t);
}

/* Threads that run a loop now. Returns the number found (at most max) or -errno. */
int target__loop_threads(const struct target *t, struct target_loop_thread *threads, size_t max);

/*
 * Finds out where the process says which task runs now, for a kernel side that sees no steps; asyncio must be imported. 0, -ENOENT if that cannot be
 * told, or -errno.
 */
int target__find_current_tasks(struct target *t);

/*
 * What runs on the thread with this thread state: the address of its asyncio loop or of trio's Runner, or 0 for another scheduler,
 * whose kind is told as far as it is known. 0 or -errno.
 */
int target__scheduler_of_thread(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
				enum target_loop_kind *ret_kind);

/* Number of tasks alive (not done) in the process, or -errno when it cannot be told. */
int target__count_tasks(const struct target *t);

/* What a task that is alive is doing, as far as its own fields tell. */
enum target_task_state {
	TARGET_TASK_WAITING, /* for something that is not done yet */
	TARGET_TASK_READY, /* what it waited for is done, or it has not begun: its step is due */
	TARGET_TASK_RUNNING, /* its coroutine is on a thread's stack now */
};

#define TARGET_TASK_FRAMES 16

/* One task, read while the process runs: each field may be of another moment than the others. */
struct target_task {
	uint64_t task, loop;
	uint64_t counted_as; /* what the kernel side calls it: its own address, or its coroutine's if it is written in Python */
	uint64_t code, qualname; /* of its coroutine; 0 if unknown */
	uint64_t awaited_by; /* the task that waits for it (directly, or in a gather, wait, TaskGroup, wait_for, nursery), 0 if none was found */
	enum target_task_state state;
	char name[128]; /* UTF-8, raw; "" if it could not be read */
	char waits_for[48]; /* type of what it waits for, "Future", "Task", "_GatheringFuture"; "" if nothing, or if it is of trio */
	bool is_cut; /* more frames than these */
	uint8_t n_frames;
	struct ls_frame frames[TARGET_TASK_FRAMES]; /* its await chain: coroutines and generators only, innermost first */
};

/* Which tasks matter most where there are too many: those of the highest weight. `counted_as` as in struct target_task. */
struct target_task_choice {
	uint64_t (*weight)(void *ctx, uint64_t counted_as);
	void *ctx;
};

/*
 * The tasks that are alive (not done), at most `max`, into *tasks, which is made larger as needed and belongs to the caller.
 * Returns their number or -errno; *ret_total is how many there are.
 */
int target__tasks(const struct target *t, size_t max, const struct target_task_choice *choice, struct target_task **tasks, size_t *size,
		  size_t *ret_total);

/*
 * The task written in Python (of asyncio or trio) that runs coroutine `coro`: its address, 0 if there is none or it is gone, and its
 * name, of kind 0xff if it could not be read. 0 or -errno.
 */
int target__python_task(const struct target *t, uint64_t coro, uint64_t *ret_task, struct ls_pystr *ret_name);

/* A loop's default executor (asyncio.to_thread, run_in_executor(None, ...)). */
struct target_executor {
	uint32_t threads, max_workers; /* 0: it has none yet */
	uint32_t queued; /* calls that wait for a thread */
};

/* 0 or -errno. */
int target__executor(const struct target *t, uint64_t loop, struct target_executor *ret);

/* Handles in a loop's ready queue at this moment, or -errno. One read. */
int target__count_ready(const struct target *t, const struct ls_loop *loop);

/*
 * What the kernel side needs to look into a loop's queues: `_ready`, `_scheduled`, handle layout.
 * Returns 0 (unknown parts stay 0) or -errno.
 */
int target__resolve_loop(const struct target *t, uint64_t loop, struct ls_loop *ret_loop,
			 enum target_loop_kind *ret_kind);

/* Tasks of a loop that are asyncio's, but written in Python: what the kernel side needs to know them by. 0 (unknown parts stay 0) or -errno. */
int target__resolve_python_tasks(const struct target *t, uint64_t loop, struct ls_pytasks *ret_tasks);

/* Reads `size` bytes of the target's memory: 0 or -errno (-EFAULT for a hole, -ESRCH when it is gone). */
int target__read(const struct target *t, uint64_t addr, void *buf, size_t size);

/* Pids whose command line contains `name` (not ours, nor our ancestors'), ascending. 0 or -errno. */
int target__find_by_name(const char *name, pid_t **ret_pids, size_t *ret_n);
/* Whether it would be among these. */
bool target__has_name(pid_t pid, const char *name);
/* How long ago the process was forked, to some 10 ms. 0 or -errno. */
int target__age_ns(pid_t pid, uint64_t *ret_ns);
/* Children of a process, theirs, and so on, each behind its parent. 0 or -errno. */
int target__find_descendants(pid_t pid, pid_t **ret_pids, size_t *ret_n);
/* Every process that has a CPython core mapped, ascending. */
int target__find_pythons(pid_t **ret_pids, size_t *ret_n);

#endif
