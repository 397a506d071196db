/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subject is found again in the snapshot by name, file and line: rows move, and the same code
 * has several addresses.
 */
#include "view/detail.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "view/alarm.h"
#include "view/fold.h"

#define DETAIL_PIECE_BYTES 16 /* of one character, escaped */

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_code(const struct code_info *a, const struct code_info *b)
{
	return a->first_line == b->first_line && is_same_text(a->name, b->name) &&
		is_same_text(a->file, b->file);
}

static bool is_same_line(const struct model_frame *a, const struct model_frame *b)
{
	return a->file && a->line == b->line && is_same_text(a->file, b->file);
}

static bool is_about(const struct screen_subject *subject, const struct stall *stall)
{
	if (subject->group.is_some)
		return screen_group__has(&subject->group, stall);
	if (stall->unit == LS_UNIT_TURN)
		return false;
	if (subject->coroutine.name)
		return is_same_code(&subject->coroutine, &stall->coroutine);
	return is_same_line(&subject->at, &stall->call) || is_same_line(&subject->at, &stall->own);
}

static bool is_worse(const struct stall *a, const struct stall *b)
{
	const bool is_open = a->end == LS_END_OPEN;

	if (is_open != (b->end == LS_END_OPEN))
		return is_open;
	return a->duration_ns > b->duration_ns;
}

/* Keeps the worst ones, in order. */
static void keep_worst(struct detail *d, const struct stall *stall)
{
	size_t i;

	for (i = d->n_worst; i > 0 && is_worse(stall, &d->worst[i - 1]); i--)
		if (i < DETAIL_MAX_WORST)
			d->worst[i] = d->worst[i - 1];
	if (i == DETAIL_MAX_WORST)
		return;
	d->worst[i] = *stall;
	if (d->n_worst < DETAIL_MAX_WORST)
		d->n_worst++;
}

static void add_stall(struct detail *d, const struct stall *stall)
{
	d->stalls++;
	d->starved_ns += stall->starved_ns;
	d->cpu_ns += stall->cpu_ns;
	d->blocked_ns += stall->blocked_ns;
	d->gil_ns += stall->gil_ns;
	d->runqueue_ns += stall->runqueue_ns;
	if (d->longest_ns < stall->duration_ns)
		d->longest_ns = stall->duration_ns;
	keep_worst(d, stall);
}

static struct stall as_long_as_now(const struct detail *d, const struct snapshot *snapshot,
				   const struct stall *stall)
{
	struct stall now = *stall;

	now.duration_ns = alarm__lasted_ns(stall, snapshot->live_ns, d->now_ns);
	return now;
}

static void find_stalls(struct detail *d, const struct snapshot *snapshot,
			const struct screen_subject *subject)
{
	for (size_t i = 0; i < snapshot->n_live; i++) {
		const struct stall now = as_long_as_now(d, snapshot, &snapshot->live[i]);

		if (is_about(subject, &now))
			add_stall(d, &now);
	}
	for (size_t i = 0; i < snapshot->n_stalls; i++)
		if (is_about(subject, snapshot->stall_list[i]))
			add_stall(d, snapshot->stall_list[i]);
}

static bool is_asked_for(const struct screen_subject *subject, const struct stall *stall)
{
	return subject->stall_ns && stall->start_ns == subject->stall_ns &&
		stall->pid == subject->pid;
}

static const struct stall *find_stall(const struct snapshot *snapshot,
				      const struct screen_subject *subject)
{
	for (size_t i = 0; i < snapshot->n_live; i++)
		if (is_asked_for(subject, &snapshot->live[i]))
			return &snapshot->live[i];
	for (size_t i = 0; i < snapshot->n_stalls; i++)
		if (is_asked_for(subject, snapshot->stall_list[i]))
			return snapshot->stall_list[i];
	return NULL;
}

/* The requested stall if it is still in the snapshot, else the first of the worst ones. */
static void choose_stall(struct detail *d, const struct snapshot *snapshot,
			 const struct screen_subject *subject)
{
	const struct stall *chosen = find_stall(snapshot, subject);

	d->is_chosen = chosen != NULL;
	d->has_stall = chosen || d->n_worst > 0;
	if (!d->has_stall)
		return;
	if (chosen)
		d->stall = as_long_as_now(d, snapshot, chosen);
	else
		d->stall = d->worst[0];
	/* A turn belongs to no coroutine, so no row counts it. */
	if (!d->n_worst)
		add_stall(d, &d->stall);
}

static void take_row(struct detail *d, const struct view_status *status,
		     const struct coroutine_row *row)
{
	d->has_row = true;
	d->row = *row;
	/*
	 * Stalls arrive at once, rows only with the next reading: a row may not count the newest
	 * stall yet.
	 */
	d->stalls = row->stalls + row->open > d->stalls ? row->stalls + row->open : d->stalls;
	d->starved_ns = row->starved_ns > d->starved_ns ? row->starved_ns : d->starved_ns;
	d->cpu_ns = row->cpu_ns;
	d->blocked_ns = row->blocked_ns;
	d->gil_ns = row->gil_ns;
	d->runqueue_ns = row->runqueue_ns;
	if (lint__row(row, status->lints_off, &d->verdict))
		d->has_verdict = true;
}

static void find_row(struct detail *d, const struct snapshot *snapshot,
		     const struct view_status *status, const struct screen_subject *subject)
{
	for (size_t i = 0; subject->coroutine.name && i < snapshot->n_rows; i++)
		if (is_same_code(&snapshot->rows[i].coroutine, &subject->coroutine)) {
			take_row(d, status, &snapshot->rows[i]);
			return;
		}
}

/* Of stalls that are not known any more its row has the sums alone. */
static void take_group(struct detail *d, const struct group_row *row)
{
	const uint64_t stalls = row->stalls + row->open;

	d->stalls = stalls > d->stalls ? stalls : d->stalls;
	d->starved_ns = row->starved_ns > d->starved_ns ? row->starved_ns : d->starved_ns;
	d->row.max_ns = row->max_ns;
}

static void find_site(struct detail *d, const struct snapshot *snapshot,
		      const struct view_status *status, const struct screen_subject *subject)
{
	for (size_t i = 0; !subject->coroutine.name && i < snapshot->n_sites; i++)
		if (is_same_line(&snapshot->sites[i].at, &subject->at)) {
			d->stalls = snapshot->sites[i].stalls;
			d->starved_ns = snapshot->sites[i].starved_ns;
			if (lint__site(&snapshot->sites[i], status->lints_off, &d->verdict))
				d->has_verdict = true;
			return;
		}
}

/* The snapshot has them by time. */
static void find_sites(struct detail *d, const struct snapshot *snapshot,
		       const struct screen_subject *subject)
{
	for (size_t i = 0; subject->coroutine.name && i < snapshot->n_site_costs; i++) {
		const struct site_cost_row *row = &snapshot->site_costs[i];

		if (!is_same_code(&row->coroutine, &subject->coroutine))
			continue;
		d->sites_ns += row->total_ns;
		if (d->n_sites == DETAIL_MAX_SITES) {
			d->more_sites++;
			d->more_sites_ns += row->total_ns;
			continue;
		}
		d->sites[d->n_sites++] = (struct detail_site){ .at = row->at,
							       .cause = row->cause,
							       .syscall = row->syscall,
							       .sign = row->sign,
							       .words = row->words,
							       .stalls = row->stalls,
							       .total_ns = row->total_ns };
	}
}

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

/* Whether the names differ in the number alone that they end with. */
static bool is_of_family(const struct detail_payer *payer, const char *name)
{
	const size_t stem = fold_stem(name);
	const char *rest = payer->name + stem;

	if (!name[stem] || strncmp(payer->name, name, stem) != 0)
		return false;
	return payer->tasks > 1 ? !strcmp(rest, "*") : *rest && fold_stem(payer->name) == stem;
}

/* The name for both. */
static void join_family(struct detail_payer *payer, const struct detail_payer *other)
{
	payer->tasks = other->tasks;
	if (!strcmp(payer->name, other->name))
		return;
	strcpy(payer->name + fold_stem(payer->name), "*");
	payer->tasks++;
}

/*
 * Merges rows of one name: tasks of a coroutine with and without a name of their own, or behind the
 * same culprit. `is_task`: and names of one family.
 */
static void add_payer(struct detail_payers *payers, const char *name, bool is_task,
		      const struct payer_row *row)
{
	struct detail_payer payer = { .tasks = 1,
				      .times = row->times,
				      .starved_ns = row->starved_ns };
	size_t i;

	copy_text(payer.name, sizeof(payer.name), name);
	for (i = 0; i < payers->n; i++)
		if (!strcmp(payers->rows[i].name, payer.name) ||
		    (is_task && is_of_family(&payers->rows[i], payer.name)))
			break;
	if (i == DETAIL_MAX_PAYERS) {
		payers->others++;
		payers->others_ns += row->starved_ns;
		return;
	}
	if (i == payers->n) {
		payers->n++;
	} else {
		join_family(&payer, &payers->rows[i]);
		payer.times += payers->rows[i].times;
		payer.starved_ns += payers->rows[i].starved_ns;
	}
	for (; i > 0 && payers->rows[i - 1].starved_ns < payer.starved_ns; i--)
		payers->rows[i] = payers->rows[i - 1];
	payers->rows[i] = payer;
}

/* Both directions. There are none for a source line: payers are counted by coroutine. */
static void find_payers(struct detail *d, const struct snapshot *snapshot,
			const struct screen_subject *subject)
{
	const struct payer_row *payer;
	const struct victim_row *victim;

	for (size_t i = 0; subject->coroutine.name && i < snapshot->n_payers; i++) {
		payer = &snapshot->payers[i];
		if (payer->victim >= snapshot->n_victims)
			continue;
		victim = &snapshot->victims[payer->victim];
		if (is_same_code(&payer->culprit, &subject->coroutine))
			add_payer(&d->paid_by,
				  victim->name[0]		 ? victim->name :
					  victim->coroutine.name ? victim->coroutine.name :
								   "(not known)",
				  victim->name[0], payer);
		if (is_same_code(&victim->coroutine, &subject->coroutine))
			add_payer(&d->behind,
				  payer->culprit.name ? payer->culprit.name : "(not known)", false,
				  payer);
	}
}

/* From the task that awaits it up to one that nobody awaits. */
static void find_awaiters(struct detail_task *t, const struct snapshot *snapshot, size_t at)
{
	const struct task_row *row;
	struct detail_awaiter *awaiter;

	for (; at < snapshot->n_tasks; at = row->awaited_by) {
		if (t->n_awaiters == DETAIL_MAX_AWAITERS) {
			t->is_cut = true;
			return;
		}
		row = &snapshot->tasks[at];
		awaiter = &t->awaiters[t->n_awaiters++];
		copy_text(awaiter->name, sizeof(awaiter->name), row->name);
		awaiter->coroutine = row->coroutine;
		if (row->n_frames > 0)
			awaiter->at = row->stack[0];
	}
}

static void take_task(struct detail *d, const struct snapshot *snapshot, const struct task_row *row)
{
	struct detail_task *t = &d->task;

	d->has_task = true;
	t->row = *row;
	copy_text(t->name, sizeof(t->name), row->name);
	copy_text(t->waits_for, sizeof(t->waits_for), row->waits_for);
	if (t->row.n_frames > LS_MAX_FRAMES) {
		t->row.n_frames = LS_MAX_FRAMES;
		t->row.is_cut = true;
	}
	if (t->row.n_frames > 0)
		memcpy(t->stack, row->stack, t->row.n_frames * sizeof(t->stack[0]));
	t->row.stack = NULL;
	find_awaiters(t, snapshot, row->awaited_by);
}

static void find_task(struct detail *d, const struct snapshot *snapshot,
		      const struct screen_subject *subject)
{
	for (size_t i = 0; subject->task && i < snapshot->n_tasks; i++)
		if (snapshot->tasks[i].task == subject->task &&
		    snapshot->tasks[i].pid == subject->pid) {
			take_task(d, snapshot, &snapshot->tasks[i]);
			return;
		}
	d->is_task_gone = subject->task != 0;
}

/* The task in which the loop is stuck. */
static void find_stuck_task(struct detail *d, const struct snapshot *snapshot)
{
	const struct screen_subject task = { .pid = d->stall.pid, .task = d->stall.task };

	if (!detail__is_open(d) || !task.task || d->has_task || d->is_task_gone)
		return;
	find_task(d, snapshot, &task);
	d->has_stuck_task = d->has_task;
	d->has_task = d->is_task_gone = false;
}

static void find_log(struct detail *d, const struct snapshot *snapshot,
		     const struct screen_subject *subject)
{
	for (size_t i = 0; subject->log && i < snapshot->n_log; i++)
		if (snapshot->log[i].number == subject->log) {
			copy_text(d->log, sizeof(d->log), snapshot->log[i].text);
			d->log_grade = snapshot->log[i].grade;
		}
}

static void choose_line(struct detail *d, const struct screen_subject *subject)
{
	if (subject->at.file)
		d->at = subject->at;
	else if (d->has_row && d->row.where.file)
		d->at = d->row.where;
	else if (d->has_stall)
		d->at = d->stall.own.file ? d->stall.own : d->stall.call;
}

/* Escapes a source line but leaves its backslashes single, and has blanks for tabs. */
static void escape_source(const char *in, char out[DETAIL_SOURCE_BYTES])
{
	char one[UTF8_MAX_BYTES + 1], piece[DETAIL_PIECE_BYTES];
	size_t left = strlen(in), used = 0, n;
	uint32_t c;

	for (; left > 0; in += n, left -= n) {
		n = utf8__decode(in, left, &c);
		n = n ? n : 1;
		memcpy(one, in, n);
		one[n] = '\0';
		text__escape(one, piece, sizeof(piece));
		if (*in == '\t')
			strcpy(piece, "    ");
		else if (*in == '\\')
			strcpy(piece, "\\");
		if (used + strlen(piece) >= DETAIL_SOURCE_BYTES)
			break;
		used += strlen(strcpy(out + used, piece));
	}
	out[used] = '\0';
}

/* The lines that came with a stall at that line, as in a recording; NULL: none did. */
static const char *source_of_stalls(const struct detail *d)
{
	if (d->has_stall && is_same_line(&d->at, &d->stall.own) && d->stall.source)
		return d->stall.source;
	for (size_t i = 0; i < d->n_worst; i++)
		if (is_same_line(&d->at, &d->worst[i].own) && d->worst[i].source)
			return d->worst[i].source;
	return NULL;
}

static void take_source(struct detail *d, const char *text)
{
	char raw[DETAIL_SOURCE_BYTES];

	for (size_t n; text && *text && d->n_lines < DETAIL_SOURCE_LINES;) {
		n = strcspn(text, "\n");
		snprintf(raw, sizeof(raw), "%.*s", (int)n, text);
		escape_source(raw, d->lines[d->n_lines++]);
		text += n + (text[n] == '\n');
	}
}

static void read_source(struct detail *d, const struct view_status *status, uint32_t pid)
{
	char raw[DETAIL_SOURCE_BYTES];
	uint32_t line;

	if (!d->at.file || !d->at.line)
		return;
	d->first_line = source_first_line(d->at.line);
	while (status->source_line && d->n_lines < DETAIL_SOURCE_LINES) {
		line = d->first_line + (uint32_t)d->n_lines;
		if (status->source_line(status->source_ctx, pid, d->at.file, line, raw,
					sizeof(raw)))
			break;
		escape_source(raw, d->lines[d->n_lines++]);
	}
	if (!d->n_lines)
		take_source(d, source_of_stalls(d));
}

/* Of a finding: its worst stall may have had more of something else. */
static void take_verdict(struct detail *d, const struct view_status *status,
			 const struct screen_subject *subject)
{
	if (subject->verdict.name && !(status->lints_off & 1u << subject->verdict.id)) {
		d->verdict = subject->verdict;
		d->has_verdict = true;
	}
	/* Once is enough. */
	if (d->has_verdict && d->has_own_verdict && d->own_verdict.id == d->verdict.id)
		d->has_own_verdict = false;
}

void detail__take(struct detail *d, const struct snapshot *snapshot,
		  const struct view_status *status, const struct screen_subject *subject)
{
	uint32_t pid = subject->pid;

	memset(d, 0, sizeof(*d));
	d->now_ns = status->now_ns;
	d->clock_offset_ns = status->clock_offset_ns;
	d->light = status->light;
	find_stalls(d, snapshot, subject);
	choose_stall(d, snapshot, subject);
	if (subject->group.is_some) {
		take_group(d, &subject->group.row);
	} else {
		find_row(d, snapshot, status, subject);
		find_site(d, snapshot, status, subject);
	}
	find_sites(d, snapshot, subject);
	find_payers(d, snapshot, subject);
	find_task(d, snapshot, subject);
	find_stuck_task(d, snapshot);
	find_log(d, snapshot, subject);
	/* One stall may have another cause than most of them. */
	if (d->has_stall && (d->is_chosen || !d->has_verdict))
		d->has_verdict = lint__stall(&d->stall, status->lints_off, &d->verdict);
	if (d->has_stall)
		d->has_own_verdict = lint__own_time(&d->stall, status->lints_off, &d->own_verdict);
	take_verdict(d, status, subject);
	if (d->has_stall && !pid)
		pid = d->stall.pid;
	choose_line(d, subject);
	read_source(d, status, pid);
}
