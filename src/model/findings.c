/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See findings.h. The words of advice are those of the lints.
 */
#include "model/findings.h"

#include <stdio.h>
#include <string.h>

#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"

#define SURE_SHARE 0.75 /* of the time was seen at the place */
#define LIKELY_SHARE 0.5
#define LONG_GROWTH_NS (60 * NS_PER_S)
#define HEADLINE_MAX 3 /* lines that it names */
#define HEADLINE_MIN_SHARE 0.1 /* of a line that it names */
#define HEADLINE_ENOUGH 0.9

static const char *const sureness_words[] = {
#define _(name, word) [FINDING_##name] = word,
	FINDING_SURENESS(_)
#undef _
};

static const char *const subject_words[] = {
	[SUBJECT_LINE] = "line",
	[SUBJECT_HOLDER] = "holder",
	[SUBJECT_PROCESS] = "process",
	[SUBJECT_HOST] = "host",
};

const char *finding_sureness_word(enum finding_sureness sureness)
{
	return sureness < FINDING_SURENESS_MAX ? sureness_words[sureness] : "?";
}

static const struct rule *rule_of(const struct finding_row *row)
{
	const enum ls_unit unit = row->unit == LS_UNIT_TURN ? LS_UNIT_TURN : LS_UNIT_STEP;

	return lint_rule__find(unit, row->cause, row->sign, row->max_ns);
}

static const struct loop_rule *loop_rule_of(const struct finding_row *row)
{
	return row->loop_rule ? &lint_loop_rules[row->loop_rule - 1] : NULL;
}

static enum rule_subject subject_of(const struct finding_row *row)
{
	const struct rule *rule = row->loop_rule ? NULL : rule_of(row);

	if (row->loop_rule)
		return loop_rule_of(row)->subject;
	return rule ? rule->subject : SUBJECT_LINE;
}

/* "get_user() calls ...", "3 functions call ..." */
static void say_line(const struct finding_row *row, const struct finding_words *words,
		     char buf[FINDING_WHAT_BYTES])
{
	const bool has_entries = row->n_entries > 0;
	const size_t n = has_entries ? row->n_entries : row->n_coroutines;
	const struct code_info *who = has_entries ? row->entries : row->coroutines;

	if (n > 1)
		snprintf(buf, FINDING_WHAT_BYTES, "%zu%s functions %s", n, row->has_more ? "+" : "",
			 words->many);
	else
		snprintf(buf, FINDING_WHAT_BYTES, "%s%s %s", n ? who->name : "Code without a name",
			 n ? "()" : "", words->one);
}

static void say(const struct finding_row *row, enum rule_subject subject,
		const struct finding_words *words, char buf[FINDING_WHAT_BYTES])
{
	if (subject == SUBJECT_LINE)
		say_line(row, words, buf);
	else if (row->pid)
		snprintf(buf, FINDING_WHAT_BYTES, "The loop %s", words->one);
	else
		snprintf(buf, FINDING_WHAT_BYTES, "Loops of several processes %s", words->many);
}

static double seen_share(const struct finding_row *row)
{
	return row->time_ns ? row->held_ns / (double)row->time_ns : 0;
}

static enum finding_sureness sureness_of_line(const struct finding_row *row, char why[])
{
	const double share = seen_share(row);
	const bool is_sure = share >= SURE_SHARE, is_single = row->stalls + row->open < 2;

	if (!row->at.function) {
		snprintf(why, FINDING_WHY_BYTES, "its line is not known");
		return FINDING_UNSURE;
	}
	snprintf(why, FINDING_WHY_BYTES, "seen there for %d %% of the time%s%s", (int)(share * 100),
		 is_single ? ", in a single stall" : "",
		 row->light_stalls ? ", by samples alone in light mode" : "");
	if (share < LIKELY_SHARE)
		return FINDING_UNSURE;
	return is_sure && !is_single ? FINDING_SURE : FINDING_LIKELY;
}

/* What is read from a task is a fact; that it stays so is one only where nothing can end it. */
static enum finding_sureness sureness_of_life(const struct life_row *life, char why[])
{
	switch (life->kind) {
	case LIFE_DEADLOCK:
	case LIFE_FORGOTTEN:
		snprintf(why, FINDING_WHY_BYTES,
			 "read from the tasks again and again; only a cancellation can end it");
		return FINDING_SURE;
	case LIFE_CANCELLED:
		snprintf(why, FINDING_WHY_BYTES, "it may still be cleaning up");
		return FINDING_LIKELY;
	case LIFE_FAILED:
		snprintf(why, FINDING_WHY_BYTES, "the exception may still be retrieved");
		return FINDING_LIKELY;
	case LIFE_DROPPED:
		snprintf(why, FINDING_WHY_BYTES, "the runtime noticed it when it was freed");
		return FINDING_SURE;
	default:
		snprintf(why, FINDING_WHY_BYTES, "watched for %d s only",
			 (int)(life->found_ns / NS_PER_S));
		return life->found_ns < LONG_GROWTH_NS ? FINDING_UNSURE : FINDING_LIKELY;
	}
}

static enum finding_sureness sureness_of(const struct finding_row *row, enum rule_subject subject,
					 char why[FINDING_WHY_BYTES])
{
	if (subject == SUBJECT_LINE)
		return sureness_of_line(row, why);
	if (subject == SUBJECT_HOLDER && !row->at.function) {
		snprintf(why, FINDING_WHY_BYTES, "what the thread ran is not known");
		return FINDING_LIKELY;
	}
	if (row->cause == LS_CAUSE_GC || row->sign == SIGN_HOLDER_COLLECTS)
		snprintf(why, FINDING_WHY_BYTES, "the collector was seen at work");
	else if (row->pool)
		snprintf(why, FINDING_WHY_BYTES, "read from the pool itself, again and again");
	else if (row->life)
		return sureness_of_life(row->life, why);
	else if (row->loop_rule)
		snprintf(why, FINDING_WHY_BYTES, "read from the loop itself");
	else
		snprintf(why, FINDING_WHY_BYTES, "timed by the kernel");
	return FINDING_SURE;
}

/* The larger one counts: readings lag behind the stalls. */
static uint64_t all_starved_ns(const struct snapshot *s)
{
	return s->findings_starved_ns > s->starved_ns ? s->findings_starved_ns : s->starved_ns;
}

static double share(uint64_t part, uint64_t all)
{
	if (!all)
		return -1;
	return part < all ? (double)part / (double)all : 1;
}

bool finding__describe(struct finding *f, const struct snapshot *s, const struct finding_row *row,
		       lint_mask off)
{
	const struct loop_rule *loops = loop_rule_of(row);
	const struct rule *rule = loops ? NULL : rule_of(row);
	const enum rule_subject subject = subject_of(row);
	const struct finding_words *words;
	enum lint_id id;

	if (!loops && !rule)
		return false;
	id = loops ? loops->id : rule->id;
	if (off & 1u << id)
		return false;
	words = row->pool ? lint_pool__words(row->pool) :
		row->life ? lint_life__words(row->life) :
		loops	  ? lint_words(row->words, loops->kind, &loops->words) :
			    lint_words(row->words, rule->kind, &rule->words);
	*f = (struct finding){ .row = row,
			       .lint = lint__name(id),
			       .subject = subject_words[subject],
			       .is_host = subject == SUBJECT_HOST,
			       .verdict = words->verdict,
			       .advice = rule ? lint_advice(row->words, rule, row->context) :
						words->advice,
			       .starved_share = share(row->starved_ns, all_starved_ns(s)),
			       /* tasks that wait take nothing of the loop's time */
			       .loop_share = row->life ? -1 : share(row->time_ns, s->watched_ns) };
	if (row->pool) {
		lint_pool__say(row->pool, f->what, sizeof(f->what));
	} else if (row->life) {
		lint_life__say(row->life, f->what, sizeof(f->what));
	} else if (loops) {
		const struct loop_sum sum = lint_loop_rule__sum(loops, s);

		loops->say(&sum, f->what, sizeof(f->what));
	} else {
		say(row, subject, words, f->what);
	}
	f->sureness = sureness_of(row, subject, f->why);
	return true;
}

/* What the headline adds up: waiting, or the stalls' own time where nobody had to wait. */
struct tally {
	bool is_waiting;
	uint64_t all_ns;
	double lines, host; /* shares */
	size_t n;
	const struct finding_row *rows[HEADLINE_MAX];
};

static uint64_t weight_ns(const struct tally *t, const struct finding_row *row)
{
	return t->is_waiting ? row->starved_ns : row->time_ns;
}

static bool is_fixable(const struct finding_row *row)
{
	char why[FINDING_WHY_BYTES];
	const enum rule_subject subject = subject_of(row);

	return !row->loop_rule && row->at.file &&
		(subject == SUBJECT_LINE || subject == SUBJECT_HOLDER) &&
		sureness_of(row, subject, why) != FINDING_UNSURE;
}

static bool is_off(const struct finding_row *row, lint_mask off)
{
	const struct rule *rule = row->loop_rule ? NULL : rule_of(row);
	const enum lint_id id = row->loop_rule ? loop_rule_of(row)->id : rule ? rule->id : LINT_MAX;

	return id == LINT_MAX || (off & 1u << id);
}

static bool is_named(const struct tally *t, const struct finding_row *row)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i]->at.line == row->at.line &&
		    !strcmp(t->rows[i]->at.file, row->at.file))
			return true;
	return false;
}

/* One line may have several causes. */
static void tally_line(struct tally *t, const struct finding_row *row, double part)
{
	const bool has_enough = t->n == HEADLINE_MAX || t->lines >= HEADLINE_ENOUGH;

	if (!is_fixable(row))
		return;
	if (!is_named(t, row)) {
		if (has_enough || part < HEADLINE_MIN_SHARE)
			return;
		t->rows[t->n++] = row;
	}
	t->lines += part;
}

static void tally_rows(struct tally *t, const struct snapshot *s, lint_mask off)
{
	t->is_waiting = all_starved_ns(s) > 0;
	t->all_ns = all_starved_ns(s);
	for (size_t i = 0; !t->is_waiting && i < s->n_findings; i++)
		t->all_ns += s->findings[i].loop_rule ? 0 : s->findings[i].time_ns;
	for (size_t i = 0; i < s->n_findings; i++) {
		const struct finding_row *row = &s->findings[i];
		double part = share(weight_ns(t, row), t->all_ns);

		/* What was seen elsewhere stays when the line is mended. */
		if (subject_of(row) == SUBJECT_LINE)
			part *= seen_share(row);
		if (row->loop_rule || is_off(row, off))
			continue;
		if (subject_of(row) == SUBJECT_HOST)
			t->host += part;
		tally_line(t, row, part);
	}
}

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/* A sum of shares of whole numbers may come to a hair less than it is. */
static int percent(double part)
{
	return (int)(part * 100 + 1e-6);
}

static void add_lines(const struct tally *t, char buf[FINDINGS_HEADLINE_BYTES])
{
	for (size_t i = 0; i < t->n; i++) {
		const struct model_frame *at = &t->rows[i]->at;
		const size_t used = strlen(buf);

		snprintf(buf + used, FINDINGS_HEADLINE_BYTES - used, "%s %s %s:%u", i ? "," : ":",
			 at->function, base_name(at->file), at->line);
	}
}

static void add_host(const struct tally *t, const char *of, char buf[FINDINGS_HEADLINE_BYTES])
{
	const size_t used = strlen(buf);

	if (t->host >= HEADLINE_MIN_SHARE)
		snprintf(buf + used, FINDINGS_HEADLINE_BYTES - used,
			 "%s host causes %d %% of the %s", used ? "; the" : "The", percent(t->host),
			 of);
}

void findings_headline(const struct snapshot *s, lint_mask off, char buf[FINDINGS_HEADLINE_BYTES])
{
	struct tally t = { 0 };
	const char *of;

	buf[0] = '\0';
	tally_rows(&t, s, off);
	if (!t.all_ns)
		return;
	of = t.is_waiting ? "waiting" : "stalled time";
	if (t.n == 1)
		snprintf(buf, FINDINGS_HEADLINE_BYTES, "Fixing this line removes %d %% of the %s",
			 percent(t.lines), of);
	else if (t.n > 1)
		snprintf(buf, FINDINGS_HEADLINE_BYTES,
			 "Fixing these %zu lines removes %d %% of the %s", t.n, percent(t.lines),
			 of);
	add_lines(&t, buf);
	add_host(&t, of, buf);
}

bool findings_is_calm(const struct snapshot *s)
{
	const double hidden = (double)s->unaccounted_ns;

	return !s->stalls && !s->n_live && !s->n_findings && s->turns && s->turn_max_ns &&
		hidden <= MODEL_MAX_UNACCOUNTED_SHARE * (double)s->watched_ns;
}
