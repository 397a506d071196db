/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules on loops, pools and tasks as a whole, and what is said of one row.
 */
#include "model/lint_loop_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"

#define NS_PER_TICK 1000000000ULL /* about */

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
	[LINT_LIFE_RULE(
		LIFE_UNSTARTED)] = { LINT_COROUTINES_GROW,
				     loop_lost_nothing_ns,
				     NULL,
				     FINDING_LIFE_UNSTARTED,
				     { NULL, NULL,
				       "Coroutines are made again and again, and none begins",
				       "Await each call where it is made, or start a task of it" },
				     SUBJECT_PROCESS },
	[LINT_LIFE_RULE(
		LIFE_DROPPED)] = { LINT_COROUTINE_DROPPED,
				   loop_lost_nothing_ns,
				   NULL,
				   FINDING_LIFE_DROPPED,
				   { NULL, NULL, "A coroutine was dropped before it began",
				     "Await the call, or start a task of it and keep that" },
				   SUBJECT_PROCESS },
	[LINT_EXECUTOR_RULE] = { LINT_EXECUTOR_SATURATED,
				 loop_saturated_ns,
				 say_saturated,
				 FINDING_EXECUTOR,
				 { NULL, NULL,
				   "All threads of its default executor are busy and calls wait "
				   "for one",
				   "Give the loop more threads, or slow calls threads of their "
				   "own" },
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

_Static_assert(N_OF(lint_loop_rules) <= LINT_MAX_LOOP_RULES, "each rule has room for its finding");

bool lint_pool__is_exhausted(const struct pool_row *pool)
{
	return pool->full_ns;
}

size_t lint_pool__rule(const struct pool_row *pool)
{
	return pool->is_default ? LINT_EXECUTOR_RULE : LINT_POOL_RULE;
}

static const char *pool_name(const struct pool_row *pool)
{
	if (pool->is_default)
		return "the loop's default executor";
	return *pool->name ? pool->name : "a pool without a name";
}

void lint_pool__say(const struct pool_row *pool, char *buf, size_t size)
{
	const char *member = pool_kind__member(pool->kind);
	const char *name = pool_name(pool);
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
	const struct loop_rule *rule = &lint_loop_rules[lint_pool__rule(pool)];
	const enum finding_kind kind = pool->is_default ?
		rule->kind :
		(enum finding_kind)(FINDING_POOL_EXECUTOR + pool->kind);

	return lint_words(pool->words, kind, &rule->words);
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
		 is_task			      ? "Task" :
			 life->kind == LIFE_GENERATOR ? "Async generator" :
							"Unstarted coroutine",
		 who, life->count_first, life->found, seconds(life->found_ns),
		 is_unawaited ? "; nobody awaits them" : "");
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

/* "A coroutine of send() was dropped at app.py:12 and never awaited" */
static void say_dropped(const struct life_row *life, char *buf, size_t size)
{
	const char *base = strrchr(life->origin.file, '/');

	snprintf(buf, size, "A coroutine of %s() was dropped at %s:%" PRIu32 " and never awaited",
		 life->type, base ? base + 1 : life->origin.file, life->origin.line);
}

void lint_life__say(const struct life_row *life, char *buf, size_t size)
{
	const char *who = life->coroutine.name ?: "a coroutine without a name";
	int n;

	if (life->kind == LIFE_DROPPED) {
		say_dropped(life, buf, size);
		return;
	}
	if (life->kind == LIFE_ALIVE || life->kind == LIFE_GENERATOR ||
	    life->kind == LIFE_UNSTARTED) {
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

_Static_assert(FINDING_LIFE_DROPPED - FINDING_LIFE_ALIVE + 1 == LIFE_KIND_MAX,
	       "each kind of life has its words");
_Static_assert(LINT_COROUTINE_DROPPED - LINT_TASKS_GROW + 1 == LIFE_KIND_MAX,
	       "each kind of life has its lint");

/* The finding on the pool knows for how long it was full, and what its threads did. */
static bool is_said_of_pool(const struct loop_rule *rule, const struct snapshot *s,
			    const struct loop_row *loop)
{
	if (rule != &lint_loop_rules[LINT_EXECUTOR_RULE])
		return false;
	for (size_t i = 0; i < s->n_pools; i++)
		if (s->pools[i].is_default && s->pools[i].pid == loop->pid &&
		    lint_pool__is_exhausted(&s->pools[i]))
			return true;
	return false;
}

struct loop_sum lint_loop_rule__sum(const struct loop_rule *rule, const struct snapshot *s)
{
	struct loop_sum sum = { 0 };

	for (size_t i = 0; i < s->n_loops; i++) {
		const struct loop_row *loop = &s->loops[i];
		const uint64_t lost_ns = rule->lost_ns(loop);

		if (!lost_ns || is_said_of_pool(rule, s, loop))
			continue;
		sum.loops++;
		sum.total_ns += lost_ns;
		sum.busy_ns += lint_busy_ns(loop);
		sum.threads += loop->executor_threads;
		sum.queued += loop->executor_queued;
	}
	return sum;
}
