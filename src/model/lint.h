/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person should do about it: a table of rules over the causes of stalls, each with a name it
 * can be switched off by, a line that sums up all it applies to, and for one row a sentence of
 * verdict and one of advice. Pure: reads a snapshot, knows no numbers but those in it.
 */
#ifndef LOOPSTALL_MODEL_LINT_H
#define LOOPSTALL_MODEL_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "model/model.h"

/*
 * What can be switched off. One of these may have several findings, one for each kind of call.
 *
 * LINTS(_) : _(ID, "name")
 */
#define LINTS(_)                                                                                   \
	_(BLOCKING_CALL, "blocking-call")                                                          \
	_(CPU_HOG, "cpu-hog")                                                                      \
	_(NEVER_YIELDS, "never-yields")                                                            \
	_(GIL_CONTENDED, "gil-contended")                                                          \
	_(SYNC_DNS, "sync-dns")                                                                    \
	_(SUBPROCESS_IN_LOOP, "subprocess-in-loop")                                                \
	_(STARVED_BY_HOST, "starved-by-host")                                                      \
	_(MANY_SMALL_STEPS, "many-small-steps")                                                    \
	_(EXECUTOR_SATURATED, "executor-saturated")                                                \
	_(GC_PAUSE, "gc-pause")                                                                    \
	_(STOPPED, "stopped")                                                                      \
	_(CPU_QUOTA, "cpu-quota")                                                                  \
	_(CPU_CONTENDED, "cpu-contended")                                                          \
	_(CPU_PINNED, "cpu-pinned")                                                                \
	_(NEVER_SUSPENDS, "never-suspends")                                                        \
	_(PAGE_FAULTS, "page-faults")                                                              \
	_(POOL_EXHAUSTED, "pool-exhausted")                                                        \
	_(TASKS_GROW, "tasks-grow") /* this and the next: in the order of LIFE_KINDS */            \
	_(CANCEL_IGNORED, "cancel-ignored")                                                        \
	_(EXCEPTION_LOST, "exception-lost")                                                        \
	_(DEADLOCK, "deadlock")                                                                    \
	_(WAIT_FORGOTTEN, "wait-forgotten")                                                        \
	_(GENERATORS_GROW, "generators-grow")                                                      \
	_(COROUTINES_GROW, "coroutines-grow")                                                      \
	_(COROUTINE_DROPPED, "coroutine-dropped")

enum lint_id {
#define _(id, name) LINT_##id,
	LINTS(_)
#undef _
		LINT_MAX
};

#define LINT_MAX_RULES 36
#define LINT_MAX_LOOP_RULES 12
#define LINT_MAX_FINDINGS (LINT_MAX_RULES + LINT_MAX_LOOP_RULES) /* enough for every rule */

/*
 * A loop is starved by its host, whatever its single stalls say, if it waited for a CPU for more
 * than this part of the time in which it had something to do. A loop that shares its CPU evenly
 * with one other thread comes to a half; wake-ups on a machine with CPUs to spare stay below a
 * hundredth. Below so much time in all it may be chance.
 */
#define LINT_HOST_SHARE 0.2
#define LINT_HOST_MIN_NS (100 * NS_PER_MS)
/*
 * An executor is saturated if it was at this many ticks in a row: at a single one it may just be
 * handing a call over.
 */
#define LINT_EXECUTOR_TICKS 2

struct lint_finding {
	enum lint_id id;
	const char *name; /* of LINTS */
	/* different ones; of many-small-steps and of what is said of loops: loops */
	size_t coroutines;
	uint64_t stalls; /* 0: it does not come from stalls */
	uint64_t total_ns; /* that was lost; of executor-saturated: a second for each tick */
	char summary[128]; /* "2 functions sleep on the loop (31 stalls)" */
};

struct lint_verdict {
	enum lint_id id;
	const char *name;
	const char *verdict; /* "Computes on the loop's thread" */
	const char *advice; /* what to do about it */
};

/* Lints that are switched off: bit `1u << id`. */
typedef uint32_t lint_mask;

/* Fills at most `max` findings, most time first. Returns their number. */
size_t lint__check(const struct snapshot *s, lint_mask off, struct lint_finding *findings,
		   size_t max);

/* False if no rule applies. */
bool lint__row(const struct coroutine_row *row, lint_mask off, struct lint_verdict *ret_verdict);
bool lint__site(const struct site_row *site, lint_mask off, struct lint_verdict *ret_verdict);
bool lint__stall(const struct stall *stall, lint_mask off, struct lint_verdict *ret_verdict);
/* What the host did apart; false too if the rest did not reach the threshold. */
bool lint__own_time(const struct stall *stall, lint_mask off, struct lint_verdict *ret_verdict);
bool lint__loop(const struct loop_row *loop, lint_mask off, struct lint_verdict *ret_verdict);

const char *lint__name(enum lint_id id);
/* LINT_MAX if there is none of that name. */
enum lint_id lint__by_name(const char *name);
/*
 * "gil-contended,sync-dns" or "all"; nothing at all switches nothing off. 0, or -ENOENT if one is
 * not known (ret_bad, of `size` bytes, says which; *ret_mask is left alone).
 */
int lint__parse_mask(const char *names, lint_mask *ret_mask, char *ret_bad, size_t size);

#endif
