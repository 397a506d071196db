/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What helps depends on what the code runs in: nothing can be awaited in a callback, and libraries
 * have ways of their own into a thread. tests/live/test_advice.py follows it.
 */
#include "base/array.h"
#include "python/py_words.h"

#define KIND(kind) (1U << FINDING_##kind)
#define COMPUTES (KIND(CPU) | KIND(NEVER_YIELDS) | KIND(GIL_HELD) | KIND(AWAITS))
#define WAITS                                                                                      \
	(KIND(LIBRARY_SLEEP) | KIND(NESTED_LOOP) | KIND(NETWORK) | KIND(OPEN) | KIND(FILE) |       \
	 KIND(PIPE) | KIND(LOCK) | KIND(FILE_LOCK) | KIND(NOTIFIED) | KIND(PROCESS) | KIND(DNS) |  \
	 KIND(GIL_RELEASED) | KIND(OTHER))
#define LINES (COMPUTES | WAITS | KIND(SLEEP))
#define ALL (~0U)
#define ANY 0xffU
_Static_assert(FINDING_OTHER < 32, "kinds of what is at a line have their bits");

#define TASK (1U << CONTEXT_TASK)
#define CALLBACK (1U << CONTEXT_CALLBACK)
#define FINALIZER (1U << CONTEXT_FINALIZER)
#define DEATH (1U << CONTEXT_DEATH)
#define SIGNAL (1U << CONTEXT_SIGNAL)

#define DEFAULT (1U << LIBRARY_DEFAULT)
#define TRIO (1U << LIBRARY_TRIO)
#define TWISTED (1U << LIBRARY_TWISTED)
#define GEVENT (1U << LIBRARY_GEVENT)
#define EVENTLET (1U << LIBRARY_EVENTLET)
#define SERVER (1U << LIBRARY_SERVER)
#define OWN (1U << LIBRARY_OWN)

#define HAND_TO_A_THREAD "A callback cannot await: hand it to a thread (loop.run_in_executor)"
#define START_A_TASK "A callback cannot await: start a task (loop.create_task) that awaits "
#define TO_TRIO "await trio.to_thread.run_sync(...)"
#define TO_TWISTED "twisted.internet.threads.deferToThread(...)"
#define TO_GEVENT "gevent.get_hub().threadpool.apply(...)"
#define TO_EVENTLET "eventlet.tpool.execute(...)"
#define IN_A_THREAD "Call it in a thread: "
#define NATIVE "Move it to a process, or native code that releases the GIL to a thread: "

/* The first row that fits; without one the words of the finding. */
static const struct advice {
	uint32_t kinds;
	uint8_t libraries, calls;
	const char *text;
} advice[] = {
	{ ALL, DEFAULT | TRIO, FINALIZER,
	  "Nobody can await in a finalizer, and it runs wherever the object dies: let users of "
	  "the object await a close method (async with), and let the finalizer only free memory" },
	{ ALL, ANY, FINALIZER,
	  "A finalizer runs wherever the object dies: let it only free memory, and users of the "
	  "object call a close method" },
	{ ALL, DEFAULT, DEATH,
	  "The callback of a weak reference cannot await, and runs wherever the object dies: let "
	  "it only note that (loop.call_soon_threadsafe(...)), or let users of the object await a "
	  "close method (async with)" },
	{ ALL, ANY, DEATH,
	  "The callback of a weak reference runs wherever the object dies: let it only note that" },
	{ ALL, DEFAULT, SIGNAL,
	  "A signal handler cannot await, and interrupts whatever runs: use "
	  "loop.add_signal_handler(...), whose callback can start a task, or only set a flag" },
	{ ALL, TRIO, SIGNAL,
	  "A signal handler cannot await, and interrupts whatever runs: use "
	  "trio.open_signal_receiver(...)" },
	{ ALL, ANY, SIGNAL,
	  "A signal handler interrupts whatever runs: let it only set a flag, or wake the loop "
	  "(signal.set_wakeup_fd)" },

	{ KIND(SLEEP), DEFAULT, CALLBACK,
	  "A callback cannot await: leave what follows to loop.call_later(...), or start a task "
	  "that awaits asyncio.sleep(...)" },
	{ KIND(LIBRARY_SLEEP), DEFAULT, CALLBACK,
	  HAND_TO_A_THREAD "; a shorter timeout bounds the wait" },
	{ KIND(NESTED_LOOP), DEFAULT, CALLBACK,
	  "Start a task (loop.create_task) for the coroutine, in place of asyncio.run(...) or "
	  "run_until_complete(...)" },
	{ KIND(NETWORK), DEFAULT, CALLBACK,
	  START_A_TASK "an asyncio client or streams; as a last resort hand it to a thread "
		       "(loop.run_in_executor)" },
	{ KIND(OPEN), DEFAULT, CALLBACK, HAND_TO_A_THREAD "; open a FIFO with os.O_NONBLOCK" },
	{ KIND(FILE) | KIND(OTHER), DEFAULT, CALLBACK, HAND_TO_A_THREAD },
	{ KIND(LOCK), DEFAULT, CALLBACK,
	  START_A_TASK "an asyncio.Lock; threads can call back by loop.call_soon_threadsafe(...)" },
	{ KIND(FILE_LOCK), DEFAULT, CALLBACK,
	  HAND_TO_A_THREAD "; or try with LOCK_NB, and again later (loop.call_later)" },
	{ KIND(NOTIFIED), DEFAULT, CALLBACK,
	  "Let the other thread call back: future.add_done_callback(...), "
	  "loop.call_soon_threadsafe(...)" },
	{ KIND(PROCESS), DEFAULT, CALLBACK, START_A_TASK "asyncio.create_subprocess_exec(...)" },
	{ KIND(DNS), DEFAULT, CALLBACK, START_A_TASK "loop.getaddrinfo(...)" },
	{ KIND(NEVER_YIELDS) | KIND(AWAITS), DEFAULT, CALLBACK,
	  "Move it to a process (ProcessPoolExecutor), or do a part of it and leave the next to "
	  "loop.call_soon(...)" },
	{ KIND(CPU), DEFAULT, CALLBACK,
	  "Move it to a process (ProcessPoolExecutor), or native code that releases the GIL to a "
	  "thread (loop.run_in_executor)" },
	{ KIND(GIL_HELD), DEFAULT, CALLBACK,
	  "Move it to a process (loop.run_in_executor with a ProcessPoolExecutor): a thread would "
	  "wait for the GIL" },
	{ KIND(GIL_RELEASED), DEFAULT, CALLBACK, HAND_TO_A_THREAD "; the loop runs meanwhile" },

	{ COMPUTES, TRIO, CALLBACK, "Move it to a process" },
	{ LINES, TRIO, CALLBACK, "A callback cannot await: start a task that does" },
	{ KIND(SLEEP), TRIO, ANY,
	  "Use await trio.sleep(...); if it waits for something outside, await that instead" },
	{ KIND(NETWORK) | KIND(DNS), TRIO, ANY,
	  "Use trio's own (trio.open_tcp_stream, trio.socket.getaddrinfo); as a last resort "
	  "" TO_TRIO },
	{ KIND(LOCK) | KIND(NOTIFIED), TRIO, ANY,
	  "Use trio.Lock between tasks; wait for threads with " TO_TRIO },
	{ KIND(PROCESS), TRIO, ANY, "Use await trio.run_process(...)" },
	{ WAITS, TRIO, ANY, IN_A_THREAD TO_TRIO },
	{ KIND(NEVER_YIELDS) | KIND(AWAITS), TRIO, ANY,
	  "Move it to a process, or pause in its loop: await trio.lowlevel.checkpoint()" },
	{ KIND(CPU), TRIO, ANY, NATIVE TO_TRIO },

	{ KIND(SLEEP), TWISTED, ANY,
	  "Use reactor.callLater(...), or wait for twisted.internet.task.deferLater(...)" },
	{ KIND(NETWORK) | KIND(DNS), TWISTED, ANY,
	  "Use Twisted's own (endpoints, reactor.resolve); as a last resort " TO_TWISTED },
	{ KIND(LOCK) | KIND(NOTIFIED), TWISTED, ANY,
	  "Wait for threads by " TO_TWISTED "; they call back by reactor.callFromThread(...)" },
	{ KIND(PROCESS), TWISTED, ANY, "Use reactor.spawnProcess(...)" },
	{ WAITS, TWISTED, ANY, IN_A_THREAD TO_TWISTED },
	{ KIND(NEVER_YIELDS) | KIND(AWAITS), TWISTED, ANY,
	  "Move it to a process, or do it in parts: twisted.internet.task.cooperate(...)" },
	{ KIND(CPU), TWISTED, ANY, NATIVE TO_TWISTED },

#define OF_GREENLETS(library, name, patch, thread)                                                 \
	{ LINES, library, CALLBACK,                                                                \
	  "The hub's callbacks cannot wait: start a greenlet (" name                               \
	  ".spawn) that waits or pauses by " name ".sleep(...)" },                                 \
		{ KIND(SLEEP), library, ANY,                                                       \
		  "Use " name ".sleep(...), or " patch " at the start" },                          \
		{ KIND(NETWORK) | KIND(DNS) | KIND(PROCESS) | KIND(PIPE), library, ANY,            \
		  "Use " patch " at the start; for native code " thread },                         \
		{ KIND(LOCK) | KIND(NOTIFIED), library, ANY, "Wait for threads by " thread },      \
		{ WAITS, library, ANY, IN_A_THREAD thread },                                       \
		{ COMPUTES & ~KIND(CPU), library, ANY,                                             \
		  "Move it to a process, or pause in its loop: " name ".sleep(0)" },               \
	{                                                                                          \
		KIND(CPU), library, ANY, NATIVE thread                                             \
	}
	OF_GREENLETS(GEVENT, "gevent", "gevent.monkey.patch_all()", TO_GEVENT),
	OF_GREENLETS(EVENTLET, "eventlet", "eventlet.monkey_patch()", TO_EVENTLET),

	{ WAITS | KIND(SLEEP), SERVER, ANY,
	  "Let each request have a thread: http.server.ThreadingHTTPServer, "
	  "socketserver.ThreadingMixIn" },
	{ COMPUTES, SERVER, ANY,
	  "Let each request have a process (socketserver.ForkingMixIn), or a thread "
	  "(ThreadingMixIn) if it is native code that releases the GIL" },

	{ KIND(SLEEP), OWN, ANY,
	  "Give the loop's poll a timeout in place of the sleep, or sleep in another thread" },
	{ WAITS, OWN, ANY,
	  "Let the poll wait for its descriptor, or do it in another thread that wakes the loop" },
	{ KIND(NEVER_YIELDS) | KIND(AWAITS), OWN, ANY,
	  "Move it to a process, or do it in parts, with a poll in between" },
	{ KIND(CPU), OWN, ANY, NATIVE "one that wakes the loop" },

	{ KIND(GIL_HELD), ANY & ~DEFAULT, ANY,
	  "Move it to a process: a thread would wait for the GIL" },
	{ KIND(SMALL_STEPS), ANY & ~DEFAULT, ANY,
	  "Start less at once, or spread the work over more loops or processes" },
};

const char *py_advice(enum finding_kind kind, struct code_context context)
{
	const uint32_t bit = kind < 32 ? 1U << kind : 0;

	for (size_t i = 0; i < N_OF(advice); i++)
		if ((advice[i].kinds & bit) && (advice[i].libraries & 1U << context.library) &&
		    (advice[i].calls & 1U << context.call))
			return advice[i].text;
	return NULL;
}
