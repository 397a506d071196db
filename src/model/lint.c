/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules, one table: what each is about, how all its findings are summed up, what is said of one
 * row. A finding counts different coroutines among the call sites and the stalls that are kept.
 */
#include "model/lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_YIELDS_NS 1000000000ULL
#define MAX_DIFFERENT 256 /* coroutines of one rule that are told apart */

/*
 * First match wins. `one` and `many` say what one coroutine does and what several do. The unit is a
 * step or a callback if it is LS_UNIT_NONE.
 */
static const struct rule {
	enum lint_id id;
	enum ls_cause cause; /* LS_CAUSE_MAX: any */
	enum ls_unit unit;
	uint64_t min_ns; /* of the longest stall */
	const char *one, *many;
	const char *verdict, *advice;
} rules[] = {
	{ LINT_MANY_SMALL_STEPS, LS_CAUSE_MAX, LS_UNIT_TURN, 0,
	  "runs too many steps in one turn",
	  "run too many steps in one turn",
	  "Many short steps in one turn of the loop add up to a stall",
	  "Start fewer tasks at once (asyncio.Semaphore), or spread the work over more loops or "
	  "processes" },
	{ LINT_BLOCKING_CALL, LS_CAUSE_SLEEP, LS_UNIT_NONE, 0,
	  "calls time.sleep on the loop",
	  "call time.sleep on the loop",
	  "Blocks the loop in time.sleep",
	  "Use await asyncio.sleep(...); if it waits for something outside, await that instead" },
	{ LINT_BLOCKING_CALL, LS_CAUSE_NETWORK, LS_UNIT_NONE, 0,
	  "waits for a socket on the loop",
	  "wait for a socket on the loop",
	  "Blocks the loop in a call that waits for a socket",
	  "Use an asyncio client or streams; as a last resort await asyncio.to_thread(...)" },
	{ LINT_BLOCKING_CALL, LS_CAUSE_FILE, LS_UNIT_NONE, 0,
	  "waits for a file or disk on the loop",
	  "wait for a file or disk on the loop",
	  "Blocks the loop while it waits for a file or disk",
	  "Move the file access to a thread: await asyncio.to_thread(...)" },
	{ LINT_BLOCKING_CALL, LS_CAUSE_PIPE, LS_UNIT_NONE, 0,
	  "waits for a pipe on the loop",
	  "wait for a pipe on the loop",
	  "Blocks the loop while it waits for a pipe",
	  "Use loop.connect_read_pipe or connect_write_pipe; for a child process, "
	  "asyncio.create_subprocess_exec" },
	{ LINT_BLOCKING_CALL, LS_CAUSE_LOCK, LS_UNIT_NONE, 0,
	  "waits for a thread lock on the loop",
	  "wait for a thread lock on the loop",
	  "Blocks the loop while it waits for a lock that another thread holds",
	  "Use asyncio.Lock between coroutines; wait for threads with await "
	  "asyncio.to_thread(...)" },
	{ LINT_SUBPROCESS_IN_LOOP, LS_CAUSE_PROCESS, LS_UNIT_NONE, 0,
	  "waits for a child process on the loop",
	  "wait for a child process on the loop",
	  "Blocks the loop while it starts or waits for a child process",
	  "Use await asyncio.create_subprocess_exec(...) and await its wait()" },
	{ LINT_SYNC_DNS, LS_CAUSE_DNS, LS_UNIT_NONE, 0,
	  "looks up host names on the loop",
	  "look up host names on the loop",
	  "Blocks the loop in getaddrinfo, a name look-up",
	  "Use await loop.getaddrinfo(...), or connect by asyncio.open_connection" },
	{ LINT_GIL_CONTENDED, LS_CAUSE_GIL, LS_UNIT_NONE, 0,
	  "waits for the GIL that other threads hold",
	  "wait for the GIL that other threads hold",
	  "Waits for the GIL while another thread computes",
	  "Move that thread's work to a process; a shorter sys.setswitchinterval trades speed "
	  "for latency" },
	{ LINT_STARVED_BY_HOST, LS_CAUSE_RUNQUEUE, LS_UNIT_NONE, 0,
	  "was ready to run, but no CPU was free",
	  "were ready to run, but no CPU was free",
	  "Was ready to run, but the machine had no CPU for it",
	  "Look at the host: other load, a CPU limit of the container, too many workers" },
	{ LINT_STARVED_BY_HOST, LS_CAUSE_PAGEFAULT, LS_UNIT_NONE, 0,
	  "waits for memory to be read in",
	  "wait for memory to be read in",
	  "Waits for memory that has to be read in from disk",
	  "Look at the host: memory is short or swapped out, or a mapped file is read" },
	{ LINT_NEVER_YIELDS, LS_CAUSE_CPU, LS_UNIT_NONE, NEVER_YIELDS_NS,
	  "computes for over a second without a pause",
	  "compute for over a second without a pause",
	  "Computes for over a second without giving the loop a turn",
	  "Move it to a process (ProcessPoolExecutor), or pause in its loop with await "
	  "asyncio.sleep(0)" },
	{ LINT_CPU_HOG, LS_CAUSE_CPU, LS_UNIT_NONE, 0,
	  "computes too long in one step",
	  "compute too long in one step",
	  "Computes on the loop's thread",
	  "Move it to a process (ProcessPoolExecutor): a thread of asyncio.to_thread would "
	  "wait for the GIL" },
	{ LINT_BLOCKING_CALL, LS_CAUSE_OTHER, LS_UNIT_NONE, 0,
	  "makes a call that blocks the loop",
	  "make calls that block the loop",
	  "Blocks the loop in a system call",
	  "Find an asyncio way to wait for it, or await asyncio.to_thread(...)" },
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

_Static_assert(N_RULES <= LINT_MAX_FINDINGS, "each rule has room for its finding");

static const char *const names[] = {
#define _(id, name) [LINT_##id] = name,
	LINTS(_)
#undef _
};

const char *lint__name(enum lint_id id)
{
	return id < LINT_MAX ? names[id] : "?";
}

enum lint_id lint__by_name(const char *name)
{
	enum lint_id id;

	for (id = 0; id < LINT_MAX && strcmp(names[id], name); id++)
		;
	return id;
}

int lint__parse_mask(const char *list, lint_mask *ret_mask, char *ret_bad, size_t size)
{
	lint_mask mask = 0;
	char name[64];

	for (const char *p = list;; p++) {
		const int length = (int)strcspn(p, ",");
		enum lint_id id;

		snprintf(name, sizeof(name), "%.*s", length, p);
		id = lint__by_name(name);
		if (!strcmp(name, "all"))
			mask |= (1u << LINT_MAX) - 1;
		else if (id < LINT_MAX)
			mask |= 1u << id;
		else {
			snprintf(ret_bad, size, "%.*s", length, p);
			return -ENOENT;
		}
		p += length;
		if (!*p)
			break;
	}
	*ret_mask = mask;
	return 0;
}

static const struct rule *rule_find(enum ls_unit unit, enum ls_cause cause, uint64_t longest_ns)
{
	size_t i;

	for (i = 0; i < N_RULES; i++) {
		const struct rule *rule = &rules[i];

		if ((rule->unit == LS_UNIT_TURN) == (unit == LS_UNIT_TURN) &&
		    (rule->cause == LS_CAUSE_MAX || rule->cause == cause) &&
		    longest_ns >= rule->min_ns)
			return rule;
	}
	return NULL;
}

static bool verdict_fill(const struct rule *rule, lint_mask off, struct lint_verdict *ret_verdict)
{
	if (!rule || off & 1u << rule->id)
		return false;
	*ret_verdict = (struct lint_verdict){ rule->id, names[rule->id], rule->verdict,
					      rule->advice };
	return true;
}

bool lint__row(const struct coroutine_row *row, lint_mask off, struct lint_verdict *ret_verdict)
{
	if (!row->where.function)
		return false;
	return verdict_fill(rule_find(LS_UNIT_STEP, row->where_cause, row->max_ns), off, ret_verdict);
}

bool lint__site(const struct site_row *site, lint_mask off, struct lint_verdict *ret_verdict)
{
	return verdict_fill(rule_find(LS_UNIT_STEP, site->cause, site->max_ns), off, ret_verdict);
}

bool lint__stall(const struct stall *stall, lint_mask off, struct lint_verdict *ret_verdict)
{
	return verdict_fill(rule_find(stall->unit, stall->cause, stall->duration_ns), off, ret_verdict);
}

/* What one rule has found so far. */
struct tally {
	size_t n_different;
	const struct code_info *different[MAX_DIFFERENT];
	uint32_t tids[MAX_DIFFERENT]; /* of turns, in place of a coroutine */
	uint64_t stalls, total_ns;
};

static bool text_is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool code_is_same(const struct code_info *a, const struct code_info *b)
{
	return a->first_line == b->first_line && text_is_same(a->name, b->name) &&
	       text_is_same(a->file, b->file);
}

static void tally_who(struct tally *t, const struct code_info *who, uint32_t tid)
{
	size_t i;

	for (i = 0; i < t->n_different; i++)
		if (t->tids[i] == tid && code_is_same(t->different[i], who))
			return;
	if (t->n_different == MAX_DIFFERENT)
		return;
	t->different[t->n_different] = who;
	t->tids[t->n_different++] = tid;
}

static void tally_sites(struct tally *tallies, const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->n_sites; i++) {
		const struct site_row *site = &s->sites[i];
		const struct rule *rule = rule_find(LS_UNIT_STEP, site->cause, site->max_ns);
		struct tally *t = rule ? &tallies[rule - rules] : NULL;

		if (!t)
			continue;
		t->stalls += site->stalls;
		t->total_ns += site->total_ns;
		tally_who(t, &site->coroutine, 0);
	}
}

/*
 * Stalls whose place is known are in the sites already; here they only tell of further coroutines
 * at the same line. Turns have no site.
 */
static void tally_stalls(struct tally *tallies, const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->n_stalls; i++) {
		const struct stall *stall = s->stall_list[i];
		const bool is_turn = stall->unit == LS_UNIT_TURN;
		const struct rule *rule =
			rule_find(stall->unit, stall->cause, stall->duration_ns);
		struct tally *t = rule ? &tallies[rule - rules] : NULL;

		if (!t)
			continue;
		if (is_turn || !stall->call.function) {
			t->stalls++;
			t->total_ns += stall->duration_ns;
		}
		tally_who(t, &stall->coroutine, is_turn ? stall->tid : 0);
	}
}

static void finding_fill(struct lint_finding *f, const struct rule *rule, const struct tally *t)
{
	const bool is_one = t->n_different == 1;

	f->id = rule->id;
	f->name = names[rule->id];
	f->coroutines = t->n_different;
	f->stalls = t->stalls;
	f->total_ns = t->total_ns;
	snprintf(f->summary, sizeof(f->summary), "%zu%s %s%s %s (%llu %s)", t->n_different,
		 t->n_different == MAX_DIFFERENT ? "+" : "",
		 rule->unit == LS_UNIT_TURN ? "loop" : "coroutine", is_one ? "" : "s",
		 is_one ? rule->one : rule->many, (unsigned long long)t->stalls,
		 t->stalls == 1 ? "stall" : "stalls");
}

static int finding_compare(const void *va, const void *vb)
{
	const struct lint_finding *a = va, *b = vb;

	if (a->total_ns != b->total_ns)
		return a->total_ns < b->total_ns ? 1 : -1;
	return strcmp(a->summary, b->summary);
}

size_t lint__check(const struct snapshot *s, lint_mask off, struct lint_finding *findings, size_t max)
{
	struct lint_finding found[N_RULES];
	struct tally tallies[N_RULES];
	size_t i, n = 0;

	memset(tallies, 0, sizeof(tallies));
	tally_sites(tallies, s);
	tally_stalls(tallies, s);
	for (i = 0; i < N_RULES; i++)
		if (tallies[i].stalls && !(off & 1u << rules[i].id))
			finding_fill(&found[n++], &rules[i], &tallies[i]);
	qsort(found, n, sizeof(found[0]), finding_compare);
	if (n > max)
		n = max;
	memcpy(findings, found, n * sizeof(found[0]));
	return n;
}
