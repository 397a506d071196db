/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of rules on stalls: what each is about, and what is said of it.
 */
#include "model/lint_rules.h"

#include "base/array.h"
#include "base/time.h"
#include "model/attribution.h"

#define NEVER_YIELDS_NS NS_PER_S

const struct rule lint_rules[] = {
	{ LINT_MANY_SMALL_STEPS,
	  FINDING_SMALL_STEPS,
	  LS_CAUSE_MAX,
	  LS_UNIT_TURN,
	  0,
	  { "runs too many steps in one turn", "run too many steps in one turn",
	    "Many short steps in one turn of the loop add up to a stall",
	    "Start fewer tasks at once, or spread the work over more loops or processes" },
	  SIGN_NONE,
	  SUBJECT_PROCESS },
	{ LINT_BLOCKING_CALL,
	  FINDING_NESTED_LOOP,
	  LS_CAUSE_MAX,
	  LS_UNIT_NONE,
	  0,
	  { "waits in another loop that it runs", "wait in another loop that they run",
	    "Blocks the loop while another loop waits that it runs inside",
	    "Let this loop run what the other one runs" },
	  SIGN_NESTED_LOOP,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_LIBRARY_SLEEP,
	  LS_CAUSE_SLEEP,
	  LS_UNIT_NONE,
	  0,
	  { "calls a library that sleeps on the loop", "call a library that sleeps on the loop",
	    "Blocks the loop in a native library that sleeps, as a database's does that waits for "
	    "a lock",
	    "Call it in another thread; a shorter timeout bounds the wait" },
	  SIGN_LIBRARY,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_SLEEP,
	  LS_CAUSE_SLEEP,
	  LS_UNIT_NONE,
	  0,
	  { "sleeps on the loop", "sleep on the loop", "Blocks the loop in a call that sleeps",
	    "Use a timer of the loop; if it waits for something outside, await that instead" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_NETWORK,
	  LS_CAUSE_NETWORK,
	  LS_UNIT_NONE,
	  0,
	  { "waits for a socket on the loop", "wait for a socket on the loop",
	    "Blocks the loop in a call that waits for a socket",
	    "Use a client that does not block; as a last resort call it in another thread" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_OPEN,
	  LS_CAUSE_FILE,
	  LS_UNIT_NONE,
	  0,
	  { "opens a file or FIFO on the loop", "open a file or FIFO on the loop",
	    "Blocks the loop while it opens a file, or until a FIFO has its other end",
	    "Open it in another thread, a FIFO without blocking (O_NONBLOCK)" },
	  SIGN_OPENS,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_FILE,
	  LS_CAUSE_FILE,
	  LS_UNIT_NONE,
	  0,
	  { "waits for a file or disk on the loop", "wait for a file or disk on the loop",
	    "Blocks the loop while it waits for a file or disk",
	    "Move the file access to another thread" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_PIPE,
	  LS_CAUSE_PIPE,
	  LS_UNIT_NONE,
	  0,
	  { "waits for a pipe on the loop", "wait for a pipe on the loop",
	    "Blocks the loop while it waits for a pipe", "Let the loop wait for the pipe" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_NOTIFIED,
	  LS_CAUSE_LOCK,
	  LS_UNIT_NONE,
	  0,
	  { "waits for another thread on the loop", "wait for another thread on the loop",
	    "Blocks the loop until another thread has done something",
	    "Let that thread call the loop back" },
	  SIGN_NOTIFIED,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_LOCK,
	  LS_CAUSE_LOCK,
	  LS_UNIT_NONE,
	  0,
	  { "waits for a thread lock on the loop", "wait for a thread lock on the loop",
	    "Blocks the loop while it waits for a lock that another thread holds",
	    "Use a lock that the loop can await" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_SUBPROCESS_IN_LOOP,
	  FINDING_PROCESS,
	  LS_CAUSE_PROCESS,
	  LS_UNIT_NONE,
	  0,
	  { "waits for a child process on the loop", "wait for a child process on the loop",
	    "Blocks the loop while it starts or waits for a child process",
	    "Start and await child processes through the loop" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_SYNC_DNS,
	  FINDING_DNS,
	  LS_CAUSE_DNS,
	  LS_UNIT_NONE,
	  0,
	  { "looks up host names on the loop", "look up host names on the loop",
	    "Blocks the loop in getaddrinfo, a name look-up",
	    "Look up names through the loop, or in another thread" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_GC_PAUSE,
	  FINDING_HOLDER_COLLECTS,
	  LS_CAUSE_GIL,
	  LS_UNIT_NONE,
	  0,
	  { "waits while the garbage collector runs in another thread",
	    "wait while the garbage collector runs in another thread",
	    "Waits for the interpreter lock while another thread collects garbage",
	    "Keep fewer objects alive, or let the collector run less often" },
	  SIGN_HOLDER_COLLECTS,
	  SUBJECT_PROCESS },
	{ LINT_GIL_CONTENDED,
	  FINDING_GIL,
	  LS_CAUSE_GIL,
	  LS_UNIT_NONE,
	  0,
	  { "waits for the interpreter lock that other threads hold",
	    "wait for the interpreter lock that other threads hold",
	    "Waits for the interpreter lock while another thread computes",
	    "Move that thread's work to a process" },
	  SIGN_NONE,
	  SUBJECT_HOLDER },
	{ LINT_CPU_PINNED,
	  FINDING_PINNED,
	  LS_CAUSE_RUNQUEUE,
	  LS_UNIT_NONE,
	  0,
	  { "waited for its own CPUs while another was free",
	    "waited for their own CPUs while another was free",
	    "Was ready to run and bound to CPUs that others had, while another CPU was free",
	    "Let it use more CPUs (taskset, the cpuset of the container), or bind what has its CPU "
	    "to another" },
	  SIGN_PINNED,
	  SUBJECT_HOST },
	{ LINT_CPU_CONTENDED,
	  FINDING_OWN_THREADS,
	  LS_CAUSE_RUNQUEUE,
	  LS_UNIT_NONE,
	  0,
	  { "waited for a CPU that other threads of the process had",
	    "waited for a CPU that other threads of the process had",
	    "Was ready to run, but other threads of its own process had the CPU",
	    "Let fewer threads of the process compute at once, or give it more CPUs" },
	  SIGN_OWN_THREADS,
	  SUBJECT_PROCESS },
	{ LINT_STARVED_BY_HOST,
	  FINDING_HOST_CPU,
	  LS_CAUSE_RUNQUEUE,
	  LS_UNIT_NONE,
	  0,
	  { "was ready to run, but others had the CPU", "were ready to run, but others had the CPU",
	    "Was ready to run, but others had the CPU",
	    "Look at the host: other load, a CPU limit of the container, too many workers" },
	  SIGN_NONE,
	  SUBJECT_HOST },
	{ LINT_STARVED_BY_HOST,
	  FINDING_HOST_MEMORY,
	  LS_CAUSE_PAGEFAULT,
	  LS_UNIT_NONE,
	  0,
	  { "waits for memory to be read in", "wait for memory to be read in",
	    "Waits for memory that has to be read in from disk",
	    "Look at the host: memory is short or swapped out, or a mapped file is read" },
	  SIGN_NONE,
	  SUBJECT_HOST },
	{ LINT_CPU_QUOTA,
	  FINDING_THROTTLED,
	  LS_CAUSE_THROTTLED,
	  LS_UNIT_NONE,
	  0,
	  { "was throttled by the CPU quota of its cgroup",
	    "were throttled by the CPU quota of their cgroup",
	    "Had used up the CPU quota of its cgroup and had to wait for the next period",
	    "Raise the quota (cpu.max, the container's CPU limit), or let fewer threads and "
	    "processes share it" },
	  SIGN_NONE,
	  SUBJECT_HOST },
	{ LINT_STOPPED,
	  FINDING_STOPPED,
	  LS_CAUSE_STOPPED,
	  LS_UNIT_NONE,
	  0,
	  { "was stopped from outside", "were stopped from outside",
	    "Was stopped by a signal, a tracer or the freezer of its cgroup",
	    "Find who stops the process: a debugger or profiler that halts it, SIGSTOP, a "
	    "container that is paused" },
	  SIGN_NONE,
	  SUBJECT_HOST },
	{ LINT_GC_PAUSE,
	  FINDING_COLLECTS,
	  LS_CAUSE_GC,
	  LS_UNIT_NONE,
	  0,
	  { "runs the garbage collector on the loop", "run the garbage collector on the loop",
	    "Calls the garbage collector",
	    "Leave it to the runtime to collect, or do it where nothing waits" },
	  SIGN_COLLECTS,
	  SUBJECT_LINE },
	{ LINT_GC_PAUSE,
	  FINDING_GC,
	  LS_CAUSE_GC,
	  LS_UNIT_NONE,
	  0,
	  { "is paused by the garbage collector", "are paused by the garbage collector",
	    "Waits for the garbage collector; its line only happened to allocate",
	    "Keep fewer objects alive, or let the collector run less often" },
	  SIGN_NONE,
	  SUBJECT_PROCESS },
	{ LINT_NEVER_SUSPENDS,
	  FINDING_AWAITS,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  0,
	  { "awaits again and again without suspending", "await again and again without suspending",
	    "Awaits again and again, but never has to wait: the loop gets no turn",
	    "Give the loop a turn in between" },
	  SIGN_AWAITS,
	  SUBJECT_LINE },
	{ LINT_PAGE_FAULTS,
	  FINDING_PAGE_FAULTS,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  0,
	  { "touches memory that the kernel has to provide",
	    "touch memory that the kernel has to provide",
	    "Touches memory for the first time, or that a forked child shares: the kernel provides "
	    "or copies each page",
	    "Start children without a fork of this process, fill large buffers before the service "
	    "starts, and reuse them" },
	  SIGN_PAGE_FAULTS,
	  SUBJECT_LINE },
	{ LINT_CPU_HOG,
	  FINDING_GIL_RELEASED,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  0,
	  { "computes in native code on the loop", "compute in native code on the loop",
	    "Computes on the loop's thread in native code that other threads need not wait for",
	    "Call it in another thread" },
	  SIGN_GIL_RELEASED,
	  SUBJECT_LINE },
	{ LINT_NEVER_YIELDS,
	  FINDING_NEVER_YIELDS,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  NEVER_YIELDS_NS,
	  { "computes for over a second without a pause",
	    "compute for over a second without a pause",
	    "Computes for over a second without giving the loop a turn",
	    "Move it to another thread or process, or give the loop a turn now and then" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_CPU_HOG,
	  FINDING_GIL_HELD,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  0,
	  { "computes too long on the loop", "compute too long on the loop",
	    "Computes on the loop's thread", "Move it to another process" },
	  SIGN_GIL_HELD,
	  SUBJECT_LINE },
	{ LINT_CPU_HOG,
	  FINDING_CPU,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  0,
	  { "computes too long on the loop", "compute too long on the loop",
	    "Computes on the loop's thread", "Move it to another thread or process" },
	  SIGN_NONE,
	  SUBJECT_LINE },
	{ LINT_BLOCKING_CALL,
	  FINDING_OTHER,
	  LS_CAUSE_OTHER,
	  LS_UNIT_NONE,
	  0,
	  { "makes a call that blocks the loop", "make calls that block the loop",
	    "Blocks the loop in a system call",
	    "Find a way to wait for it that does not block, or call it in another thread" },
	  SIGN_NONE,
	  SUBJECT_LINE },
};

const size_t lint_n_rules = N_OF(lint_rules);

_Static_assert(N_OF(lint_rules) <= LINT_MAX_RULES, "each rule has room for its finding");
_Static_assert(LINT_MAX <= 32, "each lint has its bit in the mask");

static const struct rule *rule_of(enum ls_unit unit, enum ls_cause cause, enum sign sign,
				  uint64_t longest_ns)
{
	size_t i;

	for (i = 0; i < lint_n_rules; i++) {
		const struct rule *rule = &lint_rules[i];

		if ((rule->unit == LS_UNIT_TURN) == (unit == LS_UNIT_TURN) &&
		    (rule->cause == LS_CAUSE_MAX || rule->cause == cause) &&
		    (rule->sign == SIGN_NONE || rule->sign == sign) && longest_ns >= rule->min_ns)
			return rule;
	}
	return NULL;
}

const struct rule *lint_rule__find(enum ls_unit unit, enum ls_cause cause, enum sign sign,
				   uint64_t longest_ns)
{
	/* Steps that block do not add up because they are many, but because they block. */
	const bool blocks = ls_cause_class(cause) == LS_CLASS_BLOCKED;
	static const enum ls_cause general[LS_CLASS_MAX] = {
		[LS_CLASS_CPU] = LS_CAUSE_CPU,
		[LS_CLASS_BLOCKED] = LS_CAUSE_OTHER,
		[LS_CLASS_GIL] = LS_CAUSE_GIL,
		[LS_CLASS_RUNQUEUE] = LS_CAUSE_RUNQUEUE,
	};
	const struct rule *rule;

	if (unit == LS_UNIT_TURN && blocks)
		unit = LS_UNIT_STEP;
	rule = rule_of(unit, cause, sign, longest_ns);
	return rule ? rule : rule_of(unit, general[ls_cause_class(cause)], sign, longest_ns);
}

const struct finding_words *lint_words(const struct runtime_words *words, enum finding_kind kind,
				       const struct finding_words *neutral)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	if (kind == FINDING_MAX || !w->findings || !w->findings[kind].advice)
		return neutral;
	return &w->findings[kind];
}

const char *lint_advice(const struct runtime_words *words, const struct rule *rule,
			struct code_context context)
{
	const struct runtime_words *w = runtime_words__or_default(words);
	const char *advice;

	/* What is to be changed is not the code that stalled. */
	if (rule->subject != SUBJECT_LINE)
		context.call = CONTEXT_TASK;
	advice = w->advice ? w->advice(rule->kind, context) : NULL;
	return advice ?: lint_words(words, rule->kind, &rule->words)->advice;
}
