/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Applies the rules to rows and sums up what each of them finds: different coroutines among the
 * call sites and the stalls that are kept, or loops.
 */
#include "model/lint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"

#define MAX_DIFFERENT 256 /* coroutines of one rule that are counted apart */

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

static bool is_off(enum lint_id id, lint_mask off)
{
	return off & 1u << id;
}

int lint__parse_mask(const char *list, lint_mask *ret_mask, char *ret_bad, size_t size)
{
	lint_mask mask = 0;
	const char *at;
	size_t n;

	if (!strcmp(list, "all")) {
		*ret_mask = (lint_mask)((1ULL << LINT_MAX) - 1);
		return 0;
	}
	for (at = list; *at; at += n + (at[n] == ',')) {
		enum lint_id id;

		n = strcspn(at, ",");
		for (id = 0; id < LINT_MAX; id++)
			if (strlen(names[id]) == n && !strncmp(names[id], at, n))
				break;
		if (id == LINT_MAX) {
			snprintf(ret_bad, size, "%.*s", n < INT_MAX ? (int)n : INT_MAX, at);
			return -ENOENT;
		}
		mask |= 1u << id;
	}
	*ret_mask = mask;
	return 0;
}

static bool verdict_fill(enum lint_id id, const struct finding_words *words, lint_mask off,
			 struct lint_verdict *ret_verdict)
{
	if (is_off(id, off))
		return false;
	*ret_verdict = (struct lint_verdict){ id, names[id], words->verdict, words->advice };
	return true;
}

static bool verdict_of(const struct rule *rule, const struct runtime_words *words,
		       struct code_context context, lint_mask off, struct lint_verdict *ret_verdict)
{
	if (!rule ||
	    !verdict_fill(rule->id, lint_words(words, rule->kind, &rule->words), off, ret_verdict))
		return false;
	ret_verdict->advice = lint_advice(words, rule, context);
	return true;
}

bool lint__row(const struct coroutine_row *row, lint_mask off, struct lint_verdict *ret_verdict)
{
	if (!row->where.function)
		return false;
	return verdict_of(lint_rule__find(LS_UNIT_STEP, row->where_cause, row->where_sign,
					  row->max_ns),
			  row->words, row->where_context, off, ret_verdict);
}

bool lint__site(const struct site_row *site, lint_mask off, struct lint_verdict *ret_verdict)
{
	return verdict_of(lint_rule__find(LS_UNIT_STEP, site->cause, site->sign, site->max_ns),
			  site->words, site->context, off, ret_verdict);
}

bool lint__stall(const struct stall *stall, lint_mask off, struct lint_verdict *ret_verdict)
{
	return verdict_of(lint_rule__find(stall->unit, stall->cause, stall->sign,
					  stall->duration_ns),
			  stall->words, stall->context, off, ret_verdict);
}

bool lint__own_time(const struct stall *stall, lint_mask off, struct lint_verdict *ret_verdict)
{
	return stall->own_ns &&
		verdict_of(lint_rule__find(stall->unit, stall->own_cause, stall->own_sign,
					   stall->own_ns),
			   stall->words, stall->context, off, ret_verdict);
}

bool lint__loop(const struct loop_row *loop, lint_mask off, struct lint_verdict *ret_verdict)
{
	size_t i;

	for (i = 0; i < lint_n_loop_rules; i++) {
		const struct loop_rule *rule = &lint_loop_rules[i];

		if (rule->lost_ns(loop) &&
		    verdict_fill(rule->id, lint_words(loop->words, rule->kind, &rule->words), off,
				 ret_verdict))
			return true;
	}
	return false;
}

/* What one rule has found so far. */
struct tally {
	const struct runtime_words *words; /* of the first one */
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

static void tally_who(struct tally *t, const struct runtime_words *words,
		      const struct code_info *who, uint32_t tid)
{
	if (!t->n_different)
		t->words = words;
	for (size_t i = 0; i < t->n_different; i++)
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
		const struct rule *rule =
			lint_rule__find(LS_UNIT_STEP, site->cause, site->sign, site->max_ns);
		struct tally *t = rule ? &tallies[rule - lint_rules] : NULL;

		if (!t)
			continue;
		t->stalls += site->stalls;
		t->total_ns += site->total_ns;
		tally_who(t, site->words, &site->coroutine, 0);
	}
}

/*
 * Stalls whose place is known are counted by the sites already; here they only add further
 * coroutines at the same line. Turns have no site.
 */
static void tally_stalls(struct tally *tallies, const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->n_stalls; i++) {
		const struct stall *stall = s->stall_list[i];
		const bool is_turn = stall->unit == LS_UNIT_TURN;
		const struct rule *rule =
			lint_rule__find(stall->unit, stall->cause, stall->sign, stall->duration_ns);
		struct tally *t = rule ? &tallies[rule - lint_rules] : NULL;

		if (!t)
			continue;
		if (is_turn || !stall->call.function) {
			t->stalls++;
			t->total_ns += stall->duration_ns;
		}
		tally_who(t, stall->words, &stall->coroutine, is_turn ? stall->tid : 0);
	}
}

/* Its own time reached the threshold, but its place was counted for what the host did. */
static void tally_own_times(struct tally *tallies, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_stalls; i++) {
		const struct stall *stall = s->stall_list[i];
		const struct rule *rule = stall->own_ns && stall->unit != LS_UNIT_TURN ?
			lint_rule__find(stall->unit, stall->own_cause, stall->own_sign,
					stall->own_ns) :
			NULL;

		if (!rule)
			continue;
		tallies[rule - lint_rules].stalls++;
		tallies[rule - lint_rules].total_ns += stall->own_ns;
		tally_who(&tallies[rule - lint_rules], stall->words, &stall->coroutine, 0);
	}
}

static void finding_fill(struct lint_finding *f, const struct rule *rule, const struct tally *t)
{
	const struct finding_words *words = lint_words(t->words, rule->kind, &rule->words);
	const bool is_one = t->n_different == 1;

	f->id = rule->id;
	f->name = names[rule->id];
	f->coroutines = t->n_different;
	f->stalls = t->stalls;
	f->total_ns = t->total_ns;
	snprintf(f->summary, sizeof(f->summary), "%zu%s %s%s %s (%llu %s)", t->n_different,
		 t->n_different == MAX_DIFFERENT ? "+" : "",
		 rule->unit == LS_UNIT_TURN ? "loop" : "function", is_one ? "" : "s",
		 is_one ? words->one : words->many, (unsigned long long)t->stalls,
		 t->stalls == 1 ? "stall" : "stalls");
}

/* False if no loop has it. */
static bool finding_of_loops(struct lint_finding *f, const struct loop_rule *rule,
			     const struct snapshot *s)
{
	const struct loop_sum sum = lint_loop_rule__sum(rule, s);

	if (!sum.loops)
		return false;
	*f = (struct lint_finding){ .id = rule->id,
				    .name = names[rule->id],
				    .coroutines = sum.loops,
				    .total_ns = sum.total_ns };
	rule->say(&sum, f->summary, sizeof(f->summary));
	return true;
}

/*
 * The pool of a rule that was full the longest; false if none was, or the rule is off. The rows are
 * in that order.
 */
static bool finding_of_pools(struct lint_finding *f, size_t rule, const struct snapshot *s,
			     lint_mask off)
{
	const enum lint_id id = lint_loop_rules[rule].id;
	size_t i = 0;

	while (i < s->n_pools &&
	       !(lint_pool__is_exhausted(&s->pools[i]) && lint_pool__rule(&s->pools[i]) == rule))
		i++;
	if (i == s->n_pools || is_off(id, off))
		return false;
	*f = (struct lint_finding){ .id = id, .name = names[id], .total_ns = s->pools[i].full_ns };
	lint_pool__say(&s->pools[i], f->summary, sizeof(f->summary));
	return true;
}

/* What was a problem the longest, of each kind. */
static size_t findings_of_lives(struct lint_finding *found, const struct snapshot *s, lint_mask off)
{
	const struct life_row *worst[LIFE_KIND_MAX] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < s->n_lives; i++) {
		const struct life_row *life = &s->lives[i];

		if (life->found_ns &&
		    (!worst[life->kind] || life->found_ns > worst[life->kind]->found_ns))
			worst[life->kind] = life;
	}
	for (int kind = 0; kind < LIFE_KIND_MAX; kind++) {
		const enum lint_id id = (enum lint_id)(LINT_TASKS_GROW + kind);

		if (!worst[kind] || is_off(id, off))
			continue;
		found[n] = (struct lint_finding){ .id = id, .name = names[id] };
		lint_life__say(worst[kind], found[n].summary, sizeof(found[n].summary));
		n++;
	}
	return n;
}

static int finding_compare(const void *va, const void *vb)
{
	const struct lint_finding *a = va, *b = vb;

	if (a->total_ns != b->total_ns)
		return a->total_ns < b->total_ns ? 1 : -1;
	return strcmp(a->summary, b->summary);
}

size_t lint__check(const struct snapshot *s, lint_mask off, struct lint_finding *findings,
		   size_t max)
{
	struct lint_finding found[LINT_MAX_FINDINGS];
	struct tally tallies[LINT_MAX_FINDINGS];
	size_t i, n = 0;

	memset(tallies, 0, sizeof(tallies));
	tally_sites(tallies, s);
	tally_stalls(tallies, s);
	tally_own_times(tallies, s);
	for (i = 0; i < lint_n_rules; i++)
		if (tallies[i].stalls && !is_off(lint_rules[i].id, off))
			finding_fill(&found[n++], &lint_rules[i], &tallies[i]);
	for (i = 0; i < lint_n_loop_rules; i++)
		if (!is_off(lint_loop_rules[i].id, off) &&
		    finding_of_loops(&found[n], &lint_loop_rules[i], s))
			n++;
	n += finding_of_pools(&found[n], LINT_POOL_RULE, s, off);
	n += finding_of_pools(&found[n], LINT_EXECUTOR_RULE, s, off);
	n += findings_of_lives(&found[n], s, off);
	qsort(found, n, sizeof(found[0]), finding_compare);
	if (n > max)
		n = max;
	memcpy(findings, found, n * sizeof(found[0]));
	return n;
}
