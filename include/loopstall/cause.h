/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the time of a step, callback or turn went into. One list: index of the kernel's per-span
 * accumulators, JSON value of "cause", word in the text output, row of docs/measuring.md.
 *
 * LS_CAUSES(_) : _(NAME, "word", "sentence")
 */
#ifndef LOOPSTALL_CAUSE_H
#define LOOPSTALL_CAUSE_H

#define LS_CAUSES(_)                                                                               \
	_(CPU, "cpu", "computed on a CPU")                                                         \
	_(SLEEP, "sleep", "slept: time.sleep, select or poll with nothing to wait for")            \
	_(NETWORK, "network", "waited for a socket")                                               \
	_(FILE, "file", "waited for a file system or a disk")                                      \
	_(PIPE, "pipe", "waited for a pipe")                                                       \
	_(PROCESS, "process", "waited for another process")                                        \
	_(LOCK, "lock", "waited for a lock")                                                       \
	_(GIL, "gil", "waited for Python's global interpreter lock")                               \
	_(DNS, "dns", "waited for a name look-up")                                                 \
	_(RUNQUEUE, "runqueue", "was ready to run, but no CPU was free")                           \
	_(PAGEFAULT, "pagefault", "waited for memory to be read in")                               \
	_(OTHER, "other", "waited for something else")

enum ls_cause {
#define _(name, word, sentence) LS_CAUSE_##name,
	LS_CAUSES(_)
#undef _
		LS_CAUSE_MAX
};

#endif
