/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a runtime is spoken of: its names, which frames are its own, what its users call a blocking
 * call, and what they should do about a stall. Constant data and pure functions: replayed
 * recordings use them as well as live sessions, so nothing here may need a process. Whatever is
 * NULL is said in neutral words.
 */
#ifndef LOOPSTALL_RUNTIME_WORDS_H
#define LOOPSTALL_RUNTIME_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <loopstall/abi.h>

/* What a frame of a loop thread is to a callback. */
enum frame_role {
	FRAME_USER,
	FRAME_LOOP, /* the loop's own: never what a user calls his callback */
	FRAME_RESUMES, /* the same, and what it calls is a coroutine made of a generator */
	/* the same, and polls between what it calls back: user code inside of it is a selector */
	FRAME_TURN,
	FRAME_BOUNDARY, /* the loop's own, and everything inside of it was called back by it */
};

/* How near the text of a function is to the author of the program; the last is the nearest. */
enum code_origin {
	ORIGIN_RUNTIME, /* the standard library, or frozen into the interpreter */
	ORIGIN_GENERATED, /* compiled from a text that is in no file */
	ORIGIN_INSTALLED, /* a package that was installed */
	ORIGIN_TEMPLATE, /* compiled from a file that is not in this language */
	ORIGIN_USER,
};

/* What a finding is about. */
enum finding_kind {
	FINDING_SMALL_STEPS,
	FINDING_SLEEP,
	FINDING_LIBRARY_SLEEP,
	FINDING_NESTED_LOOP,
	FINDING_NETWORK,
	FINDING_OPEN,
	FINDING_FILE,
	FINDING_PIPE,
	FINDING_LOCK,
	FINDING_FILE_LOCK,
	FINDING_NOTIFIED,
	FINDING_PROCESS,
	FINDING_DNS,
	FINDING_GIL,
	FINDING_HOLDER_COLLECTS,
	FINDING_HOST_CPU,
	FINDING_OWN_THREADS,
	FINDING_PINNED,
	FINDING_HOST_MEMORY,
	FINDING_NEVER_YIELDS,
	FINDING_STOPPED,
	FINDING_THROTTLED,
	FINDING_GC,
	FINDING_COLLECTS,
	FINDING_CPU,
	FINDING_AWAITS,
	FINDING_PAGE_FAULTS,
	FINDING_GIL_HELD,
	FINDING_GIL_RELEASED,
	FINDING_OTHER,
	FINDING_EXECUTOR,
	FINDING_POOL_EXECUTOR, /* one for each kind of pool, in the order of POOL_KINDS */
	FINDING_POOL_LIMITER,
	FINDING_POOL_CONNECTIONS,
	FINDING_LIFE_ALIVE, /* one for each kind of life, in the order of LIFE_KINDS */
	FINDING_LIFE_CANCELLED,
	FINDING_LIFE_FAILED,
	FINDING_LIFE_DEADLOCK,
	FINDING_LIFE_FORGOTTEN,
	FINDING_LIFE_GENERATOR,
	FINDING_LIFE_UNSTARTED,
	FINDING_LIFE_DROPPED,
	FINDING_MAX
};

/*
 * The library of a loop, as far as advice depends on it. Recordings hold these numbers: new ones go
 * to the end.
 */
enum loop_library {
	LIBRARY_DEFAULT, /* what most programs of the runtime use, or not known */
	LIBRARY_TRIO,
	LIBRARY_TWISTED,
	LIBRARY_GEVENT,
	LIBRARY_EVENTLET,
	LIBRARY_SERVER, /* a server that handles one request after the other on its thread */
	LIBRARY_OWN, /* a loop of the program's own, or of a library without words */
	LIBRARY_MAX
};

/* What the code was called by that stalls. It decides whether it can await something. */
enum call_context {
	CONTEXT_TASK, /* a coroutine, or what one calls; a greenlet */
	CONTEXT_CALLBACK, /* a function that the loop calls */
	CONTEXT_FINALIZER, /* what the interpreter runs when an object dies, wherever that is */
	CONTEXT_DEATH, /* the callback of a weak reference, run then */
	CONTEXT_SIGNAL, /* the handler of a signal, run between any two instructions */
	CONTEXT_MAX
};

/* What the code runs in that stalls. */
struct code_context {
	enum call_context call;
	enum loop_library library;
};

/* "1 coroutine ONE", "2 functions MANY"; a sentence each of verdict and advice. */
struct finding_words {
	const char *one, *many;
	const char *verdict, *advice;
};

struct runtime_words {
	const char *name; /* "python": its folder; in recordings */
	const char *title; /* "CPython": for people */
	const char *language; /* "Python" */

	/* Role of a frame by its file and function. NULL: all frames are the user's. */
	enum frame_role (*frame_role)(const char *file, const char *function);
	/*
	 * Does this function of a library run a loop, and nothing else? What it calls are
	 * callbacks. NULL: none is known.
	 */
	bool (*runs_loop)(const char *file, const char *function);
	/* By the path alone. NULL: all files are the user's. */
	enum code_origin (*origin)(const char *file);
	/* True if the file is of the installed package `name`. NULL: packages are not known. */
	bool (*is_of_package)(const char *file, const char *name);
	/*
	 * True for a function without a name of its own, a lambda or the body of an expression: it
	 * is part of the function around it. NULL: there are none.
	 */
	bool (*is_nameless)(const char *function);
	/* True for a name that the runtime gave to a task by itself: "Task-17". */
	bool (*is_given_name)(const char *name);
	/*
	 * What a user calls a call that blocks for this cause: "time.sleep"; NULL if the neutral
	 * word is as good. `syscall` may be NULL.
	 */
	const char *(*call)(enum ls_cause cause, const char *syscall);
	/*
	 * Is this native module ("libpython3.11.so.1.0:time_sleep") a part of the runtime itself?
	 * NULL: none is.
	 */
	bool (*is_own_module)(const char *module);
	/* Is this native module the one in which a loop without frames polls? NULL: none is. */
	bool (*is_loop_module)(const char *module);
	/*
	 * Is this file that of a program which starts processes and waits for their ends? Nobody
	 * waits for its loop. NULL: none is known.
	 */
	bool (*is_supervisor)(const char *file);
	/*
	 * Does this function wait for a notification, or send one? Some runtimes make a lock for
	 * each: it is released by a thread that never held it. NULL: there are none.
	 */
	bool (*is_notification)(const char *file, const char *function);
	/* Does this line of a program ask the garbage collector to run? NULL: none does. */
	bool (*collects)(const char *source_line);
	/* All four texts of an entry, or none. NULL: none at all. */
	const struct finding_words *findings; /* FINDING_MAX of them */
	/*
	 * The advice for code that runs in this context, in place of that of `findings`; NULL, also
	 * as a member: it is the same.
	 */
	const char *(*advice)(enum finding_kind kind, struct code_context context);
	/*
	 * Is this what the interpreter runs when an object dies? NULL: there is no such thing.
	 */
	bool (*is_finalizer)(const char *file, const char *function);

	/* Why nothing is measured yet: full sentences without a stop. */
	const char *not_there; /* the process has not become one of this runtime */
	const char *not_up; /* the runtime is not initialized */
	const char *no_loops; /* the library that runs loops is not loaded */
};

/*
 * The registered runtimes, in the order in which they are asked: name in enum ls_runtime, name of
 * its table and of its words.
 */
#define RUNTIMES(_) _(PYTHON, python)

#define _(id, name) extern const struct runtime_words words_##name;
RUNTIMES(_)
#undef _

/* By name; NULL if there is none of that name. */
const struct runtime_words *runtime_words__find(const char *name);
/*
 * Of the first registered runtime: for recordings that do not name theirs, and for what belongs to
 * no process.
 */
const struct runtime_words *runtime_words__default(void);

/* `words`, or the default for NULL. */
static inline const struct runtime_words *runtime_words__or_default(const struct runtime_words *w)
{
	return w ? w : runtime_words__default();
}

/* The same for their functions; `words` may be NULL. */
static inline enum code_origin runtime_words__origin(const struct runtime_words *words,
						     const char *file)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	return w->origin ? w->origin(file) : ORIGIN_USER;
}

/* True if the file is not of the program that is looked at. */
static inline bool runtime_words__is_library(const struct runtime_words *words, const char *file)
{
	return runtime_words__origin(words, file) != ORIGIN_USER;
}

static inline bool runtime_words__is_of_package(const struct runtime_words *words, const char *file,
						const char *name)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	return w->is_of_package && w->is_of_package(file, name);
}

static inline bool runtime_words__is_nameless(const struct runtime_words *words,
					      const char *function)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	return w->is_nameless && w->is_nameless(function);
}

static inline bool runtime_words__is_own_module(const struct runtime_words *words,
						const char *module)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	return module && w->is_own_module && w->is_own_module(module);
}

static inline enum frame_role runtime_words__frame_role(const struct runtime_words *words,
							const char *file, const char *function)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	return w->frame_role ? w->frame_role(file, function) : FRAME_USER;
}

#endif
