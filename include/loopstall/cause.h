/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the time of a step, callback or turn went into. One list: index of the kernel's per-span
 * accumulators, JSON value of "cause", word in the text output, row of docs/measuring.md.
 *
 * LS_CAUSES(_) : _(NAME, "word", "sentence", CLASS, HOST, "trace colour")
 *
 * To add a cause, add a row at the end: the index is part of recordings. CLASS is the part of the
 * four-part split that the cause counts towards (enum ls_class), HOST how a busy machine lengthens
 * it (enum ls_host), the colour one of Chrome's trace viewer.
 */
#ifndef LOOPSTALL_CAUSE_H
#define LOOPSTALL_CAUSE_H

/* clang-format off */
#define LS_CAUSES(_)                                                                               \
	_(CPU, "cpu", "computed on a CPU",                                                         \
	  CPU, STEAL, "thread_state_running")                                                      \
	_(SLEEP, "sleep", "slept: time.sleep, select or poll with nothing to wait for",            \
	  BLOCKED, NONE, "thread_state_sleeping")                                                  \
	_(NETWORK, "network", "waited for a socket",                                               \
	  BLOCKED, STARVE, "rail_load")                                                            \
	_(FILE, "file", "waited for a file system or a disk",                                      \
	  BLOCKED, STARVE, "thread_state_iowait")                                                  \
	_(PIPE, "pipe", "waited for a pipe",                                                       \
	  BLOCKED, PRESS, "rail_idle")                                                             \
	_(PROCESS, "process", "waited for another process",                                        \
	  BLOCKED, PRESS, "rail_animation")                                                        \
	_(LOCK, "lock", "waited for a lock",                                                       \
	  BLOCKED, STARVE, "bad")                                                                  \
	_(GIL, "gil", "waited for Python's global interpreter lock",                               \
	  GIL, STARVE, "terrible")                                                                 \
	_(DNS, "dns", "waited for a name look-up",                                                 \
	  BLOCKED, STARVE, "rail_response")                                                        \
	_(RUNQUEUE, "runqueue", "was ready to run, but others had its CPU",                        \
	  RUNQUEUE, OWN, "thread_state_runnable")                                                  \
	_(PAGEFAULT, "pagefault", "waited for memory to be read in",                               \
	  BLOCKED, STARVE, "thread_state_uninterruptible")                                         \
	_(OTHER, "other", "waited for something else",                                             \
	  BLOCKED, STARVE, "generic_work")                                                         \
	_(GC, "gc", "collected garbage",                                                           \
	  CPU, STEAL, "olive")                                                                     \
	_(STOPPED, "stopped", "was stopped by a signal, a tracer or the cgroup freezer",           \
	  BLOCKED, OWN, "grey")                                                                    \
	_(THROTTLED, "throttled", "was throttled by the CPU quota of its cgroup",                  \
	  RUNQUEUE, OWN, "yellow")
/* clang-format on */

enum ls_cause {
#define _(name, ...) LS_CAUSE_##name,
	LS_CAUSES(_)
#undef _
		LS_CAUSE_MAX
};

enum ls_class {
	LS_CLASS_CPU, /* was on a CPU */
	LS_CLASS_BLOCKED, /* waited for something */
	LS_CLASS_GIL, /* waited for the interpreter lock */
	LS_CLASS_RUNQUEUE, /* could have run, and was not let */
	LS_CLASS_MAX,
};

enum ls_host {
	LS_HOST_NONE, /* not at all: it ends by the clock */
	LS_HOST_STEAL, /* CPU time that the hypervisor takes */
	LS_HOST_STARVE, /* the loop's own threads get no CPU */
	LS_HOST_PRESS, /* STARVE, or another process gets no CPU */
	LS_HOST_OWN, /* all of it is the host's doing */
};

static inline enum ls_host ls_cause_host(enum ls_cause cause)
{
	switch (cause) {
#define _(name, word, sentence, class, host, ...)                                                  \
	case LS_CAUSE_##name:                                                                      \
		return LS_HOST_##host;
		LS_CAUSES(_)
#undef _
	case LS_CAUSE_MAX:
		break;
	}
	return LS_HOST_OWN;
}

static inline enum ls_class ls_cause_class(enum ls_cause cause)
{
	switch (cause) {
#define _(name, word, sentence, class, ...)                                                        \
	case LS_CAUSE_##name:                                                                      \
		return LS_CLASS_##class;
		LS_CAUSES(_)
#undef _
	case LS_CAUSE_MAX:
		break;
	}
	return LS_CLASS_BLOCKED;
}

#endif
