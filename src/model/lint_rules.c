/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of rules: what each is about, and what is said of one row.
 */
#include "model/lint_rules.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/array.h"
#include "base/time.h"
#include "model/attribution.h"

#define NEVER_YIELDS_NS NS_PER_S
#define NS_PER_TICK 1000000000ULL /* about */

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
	  { "computes too long in one step", "compute too long in one step",
	    "Computes on the loop's thread", "Move it to another process" },
	  SIGN_GIL_HELD,
	  SUBJECT_LINE },
	{ LINT_CPU_HOG,
	  FINDING_CPU,
	  LS_CAUSE_CPU,
	  LS_UNIT_NONE,
	  0,
	  { "computes too long in one step", "compute too long in one step",
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

uint64_t lint_busy_ns(const struct loop_row *loop)
{
	return loop->step_ns + loop->callbacks_ns;
}

static uint64_t loop_saturated_ns(const struct loop_row *loop)
{
	if (loop->executor_full_ticks < LINT_EXECUTOR_TICKS)
		return 0;
	return loop->executor_full_ticks * NS_PER_TICK;
}

static uint64_t loop_starved_ns(const struct loop_row *loop)
{
	const uint64_t ns = loop->cause_ns[LS_CAUSE_RUNQUEUE];

	if (ns < LINT_HOST_MIN_NS || (double)ns <= LINT_HOST_SHARE * (double)lint_busy_ns(loop))
		return 0;
	return ns;
}

static void say_saturated(const struct loop_sum *sum, char *buf, size_t size)
{
	const char *calls = sum->queued == 1 ? "call" : "calls";

	if (sum->loops == 1 && sum->threads == 1)
		snprintf(buf, size,
			 "1 loop has the only thread of its default executor busy and %" PRIu64
			 " %s waiting",
			 sum->queued, calls);
	else if (sum->loops == 1)
		snprintf(buf, size,
			 "1 loop has all %" PRIu64
			 " threads of its default executor busy and %" PRIu64 " %s waiting",
			 sum->threads, sum->queued, calls);
	else
		snprintf(buf, size,
			 "%zu loops have all threads of their default executors busy and %" PRIu64
			 " %s waiting",
			 sum->loops, sum->queued, calls);
}

static void say_starved(const struct loop_sum *sum, char *buf, size_t size)
{
	double share =
		sum->total_ns < sum->busy_ns ? (double)sum->total_ns / (double)sum->busy_ns : 1;
	const bool is_one = sum->loops == 1;

	snprintf(buf, size, "%zu loop%s waited for a free CPU for %.0f %% of %s busy time",
		 sum->loops, is_one ? "" : "s", share * 100, is_one ? "its" : "their");
}

static uint64_t loop_lost_nothing_ns(const struct loop_row *loop)
{
	(void)loop;
	return 0;
}

const struct loop_rule lint_loop_rules[] = {
	[LINT_POOL_RULE] = { LINT_POOL_EXHAUSTED,
			     loop_lost_nothing_ns,
			     NULL,
			     FINDING_POOL_EXECUTOR,
			     { NULL, NULL, "Nothing of a pool is free and callers wait for it",
			       "Give back sooner what is taken from it, or make it larger" },
			     SUBJECT_PROCESS },
	[LINT_LIFE_RULE(
		LIFE_ALIVE)] = { LINT_TASKS_GROW,
				 loop_lost_nothing_ns,
				 NULL,
				 FINDING_LIFE_ALIVE,
				 { NULL, NULL,
				   "Tasks are started again and again, and none of them ends",
				   "Bound their number, await them, or give what they wait for a "
				   "timeout" },
				 SUBJECT_PROCESS },
	[LINT_LIFE_RULE(
		LIFE_CANCELLED)] = { LINT_CANCEL_IGNORED,
				     loop_lost_nothing_ns,
				     NULL,
				     FINDING_LIFE_CANCELLED,
				     { NULL, NULL,
				       "Tasks were asked to cancel long ago and still run",
				       "Let the cancellation through where it is caught, and bound "
				       "what "
				       "is done before the end" },
				     SUBJECT_PROCESS },
	[LINT_LIFE_RULE(
		LIFE_FAILED)] = { LINT_EXCEPTION_LOST,
				  loop_lost_nothing_ns,
				  NULL,
				  FINDING_LIFE_FAILED,
				  { NULL, NULL,
				    "Tasks failed, and nobody has asked for their results",
				    "Await the tasks, or look at their results when they are "
				    "done" },
				  SUBJECT_PROCESS },
	[LINT_LIFE_RULE(
		LIFE_DEADLOCK)] = { LINT_DEADLOCK,
				    loop_lost_nothing_ns,
				    NULL,
				    FINDING_LIFE_DEADLOCK,
				    { NULL, NULL,
				      "Tasks wait for each other, so none of them can go on",
				      "Take locks in one order, and let no task wait for one that "
				      "waits for it" },
				    SUBJECT_PROCESS },
	[LINT_LIFE_RULE(
		LIFE_FORGOTTEN)] = { LINT_WAIT_FORGOTTEN,
				     loop_lost_nothing_ns,
				     NULL,
				     FINDING_LIFE_FORGOTTEN,
				     { NULL, NULL, "Nothing can end the wait of these tasks",
				       "Keep the future where it is set, and cancel tasks for "
				       "which "
				       "nothing is left to wait" },
				     SUBJECT_PROCESS },
	[LINT_LIFE_RULE(LIFE_GENERATOR)] = { LINT_GENERATORS_GROW,
					     loop_lost_nothing_ns,
					     NULL,
					     FINDING_LIFE_GENERATOR,
					     { NULL, NULL,
					       "Async generators are left open again and again",
					       "Close each one that is not read to its end" },
					     SUBJECT_PROCESS },
	{ LINT_EXECUTOR_SATURATED,
	  loop_saturated_ns,
	  say_saturated,
	  FINDING_EXECUTOR,
	  { NULL, NULL, "All threads of its default executor are busy and calls wait for one",
	    "Give the loop more threads, or slow calls threads of their own" },
	  SUBJECT_PROCESS },
	{ LINT_STARVED_BY_HOST,
	  loop_starved_ns,
	  say_starved,
	  FINDING_MAX,
	  { NULL, NULL, "Waits for a free CPU for much of its time",
	    "Look at the host: other load, a CPU limit of the container, too many workers" },
	  SUBJECT_HOST },
};

const size_t lint_n_loop_rules = N_OF(lint_loop_rules);

bool lint_pool__is_exhausted(const struct pool_row *pool)
{
	return pool->full_ns && !pool->is_default;
}

void lint_pool__say(const struct pool_row *pool, char *buf, size_t size)
{
	const char *member = pool_kind__member(pool->kind);
	const char *name = *pool->name ? pool->name : "a pool without a name";
	const bool is_single = pool->waiting_max == 1;
	int n;

	if (pool->size == 1)
		n = snprintf(buf, size, "The only %s of %s is busy", member, name);
	else
		n = snprintf(buf, size, "All %" PRIu32 " %ss of %s are busy", pool->size, member,
			     name);
	if (n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, ", and %s%" PRIu32 " %s%s wait%s for one",
			 is_single ? "" : "up to ", pool->waiting_max,
			 pool_kind__waiter(pool->kind), is_single ? "" : "s", is_single ? "s" : "");
}

const struct finding_words *lint_pool__words(const struct pool_row *pool)
{
	const enum finding_kind kind = (enum finding_kind)(FINDING_POOL_EXECUTOR + pool->kind);

	return lint_words(pool->words, kind, &lint_loop_rules[LINT_POOL_RULE].words);
}

_Static_assert(FINDING_POOL_CONNECTIONS - FINDING_POOL_EXECUTOR + 1 == POOL_KIND_MAX,
	       "each kind of pool has its words");

static uint64_t seconds(uint64_t ns)
{
	return (ns + NS_PER_S / 2) / NS_PER_S;
}

/* "Tasks of worker() grew from 12 to 340 in 31 s, and none ended; nobody awaits them" */
static void say_growth(const struct life_row *life, const char *who, char *buf, size_t size)
{
	const bool is_task = life->kind == LIFE_ALIVE;
	const bool is_unawaited = is_task && life->count && life->unawaited == life->count;

	snprintf(buf, size,
		 "%ss of %s() grew from %" PRIu32 " to %" PRIu32 " in %" PRIu64
		 " s, and none ended%s",
		 is_task ? "Task" : "Async generator", who, life->count_first, life->found,
		 seconds(life->found_ns), is_unawaited ? "; nobody awaits them" : "");
}

/* "waits for refund(), which waits for it" */
static void say_deadlock(const struct life_row *life, char *buf, size_t size)
{
	const bool is_one = life->found == 1;

	if (life->other.name)
		snprintf(buf, size, "%s for %s(), which waits for %s", is_one ? "waits" : "wait",
			 life->other.name, is_one ? "it" : "them");
	else
		snprintf(buf, size, "%s", is_one ? "waits for itself" : "wait for themselves");
}

void lint_life__say(const struct life_row *life, char *buf, size_t size)
{
	const char *who = life->coroutine.name ?: "a coroutine without a name";
	int n;

	if (life->kind == LIFE_ALIVE || life->kind == LIFE_GENERATOR) {
		say_growth(life, who, buf, size);
		return;
	}
	n = snprintf(buf, size, "%" PRIu32 " %s%s of %s() ", life->found,
		     life_kind__noun(life->kind), life->found == 1 ? "" : "s", who);
	if (n < 0 || (size_t)n >= size)
		return;
	buf += n;
	size -= (size_t)n;
	if (life->kind == LIFE_DEADLOCK)
		say_deadlock(life, buf, size);
	else
		snprintf(buf, size, "%s", life_kind__phrase(life->kind, life->found));
}

const struct finding_words *lint_life__words(const struct life_row *life)
{
	const enum finding_kind kind = (enum finding_kind)(FINDING_LIFE_ALIVE + life->kind);

	return lint_words(life->words, kind, &lint_loop_rules[LINT_LIFE_RULE(life->kind)].words);
}

_Static_assert(FINDING_LIFE_GENERATOR - FINDING_LIFE_ALIVE + 1 == LIFE_KIND_MAX,
	       "each kind of life has its words");
_Static_assert(LINT_GENERATORS_GROW - LINT_TASKS_GROW + 1 == LIFE_KIND_MAX,
	       "each kind of life has its lint");

struct loop_sum lint_loop_rule__sum(const struct loop_rule *rule, const struct snapshot *s)
{
	struct loop_sum sum = { 0 };

	for (size_t i = 0; i < s->n_loops; i++) {
		const struct loop_row *loop = &s->loops[i];
		const uint64_t lost_ns = rule->lost_ns(loop);

		if (!lost_ns)
			continue;
		sum.loops++;
		sum.total_ns += lost_ns;
		sum.busy_ns += lint_busy_ns(loop);
		sum.threads += loop->executor_threads;
		sum.queued += loop->executor_queued;
	}
	return sum;
}

_Static_assert(N_OF(lint_rules) + N_OF(lint_loop_rules) <= LINT_MAX_FINDINGS,
	       "each rule has room for its finding");
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
	static const enum ls_cause general[LS_CLASS_MAX] = {
		[LS_CLASS_CPU] = LS_CAUSE_CPU,
		[LS_CLASS_BLOCKED] = LS_CAUSE_OTHER,
		[LS_CLASS_GIL] = LS_CAUSE_GIL,
		[LS_CLASS_RUNQUEUE] = LS_CAUSE_RUNQUEUE,
	};
	const struct rule *rule = rule_of(unit, cause, sign, longest_ns);

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
			enum call_context context)
{
	const struct finding_words *said = lint_words(words, rule->kind, &rule->words);
	const struct runtime_words *w = runtime_words__or_default(words);

	if (rule->subject != SUBJECT_LINE)
		return said->advice;
	if (context == CONTEXT_FINALIZER && w->in_finalizer)
		return w->in_finalizer;
	return context == CONTEXT_CALLBACK && w->in_callback && w->in_callback[rule->kind] ?
		w->in_callback[rule->kind] :
		said->advice;
}
