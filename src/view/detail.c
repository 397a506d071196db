/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subject is found again in the snapshot by name, file and line: rows move, and the same code has several addresses.
 */
#include "view/detail.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

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
	if (stall->unit == LS_UNIT_TURN)
		return false;
	if (subject->coroutine.name)
		return is_same_code(&subject->coroutine, &stall->coroutine);
	return is_same_line(&subject->at, &stall->call);
}

/* Keeps the longest ones, in order. */
static void keep_worst(struct detail *d, const struct stall *stall)
{
	size_t i;

	for (i = d->n_worst; i > 0 && d->worst[i - 1].duration_ns < stall->duration_ns; i--)
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
	keep_worst(d, stall);
}

/* The one that was asked for, if it is still known, else the longest one. */
static void choose_stall(struct detail *d, const struct snapshot *snapshot,
			 const struct screen_subject *subject)
{
	size_t i;

	d->has_stall = d->n_worst > 0;
	if (d->has_stall)
		d->stall = d->worst[0];
	for (i = 0; subject->stall_ns && i < snapshot->n_stalls; i++)
		if (snapshot->stall_list[i]->start_ns == subject->stall_ns &&
		    snapshot->stall_list[i]->pid == subject->pid) {
			d->has_stall = d->is_chosen = true;
			d->stall = *snapshot->stall_list[i];
			/* A turn is nobody's, so nothing was counted. */
			if (!d->n_worst)
				add_stall(d, &d->stall);
			return;
		}
}

static void take_row(struct detail *d, const struct view_status *status,
		     const struct coroutine_row *row)
{
	d->has_row = true;
	d->row = *row;
	/* Rows are read now and then, stalls come at once: the newest may not be in the row yet. */
	d->stalls = row->stalls > d->stalls ? row->stalls : d->stalls;
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
	size_t i;

	for (i = 0; subject->coroutine.name && i < snapshot->n_rows; i++)
		if (is_same_code(&snapshot->rows[i].coroutine, &subject->coroutine)) {
			take_row(d, status, &snapshot->rows[i]);
			return;
		}
}

static void find_site(struct detail *d, const struct snapshot *snapshot,
		      const struct view_status *status, const struct screen_subject *subject)
{
	size_t i;

	for (i = 0; !subject->coroutine.name && i < snapshot->n_sites; i++)
		if (is_same_line(&snapshot->sites[i].at, &subject->at)) {
			d->stalls = snapshot->sites[i].stalls;
			d->starved_ns = snapshot->sites[i].starved_ns;
			if (lint__site(&snapshot->sites[i], status->lints_off, &d->verdict))
				d->has_verdict = true;
			return;
		}
}

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

/* Rows of one name become one: a coroutine's tasks with and without a name of their own, or behind the same culprit. */
static void add_payer(struct detail_payers *payers, const char *name, const struct payer_row *row)
{
	struct detail_payer payer = { .times = row->times, .starved_ns = row->starved_ns };
	size_t i;

	copy_text(payer.name, sizeof(payer.name), name);
	for (i = 0; i < payers->n; i++)
		if (!strcmp(payers->rows[i].name, payer.name))
			break;
	if (i == DETAIL_MAX_PAYERS) {
		payers->others++;
		payers->others_ns += row->starved_ns;
		return;
	}
	if (i == payers->n) {
		payers->n++;
	} else {
		payer.times += payers->rows[i].times;
		payer.starved_ns += payers->rows[i].starved_ns;
	}
	for (; i > 0 && payers->rows[i - 1].starved_ns < payer.starved_ns; i--)
		payers->rows[i] = payers->rows[i - 1];
	payers->rows[i] = payer;
}

/* Both sides of it. A line is not told of: payers are counted by coroutine. */
static void find_payers(struct detail *d, const struct snapshot *snapshot,
			const struct screen_subject *subject)
{
	const struct payer_row *payer;
	const struct victim_row *victim;
	size_t i;

	for (i = 0; subject->coroutine.name && i < snapshot->n_payers; i++) {
		payer = &snapshot->payers[i];
		if (payer->victim >= snapshot->n_victims)
			continue;
		victim = &snapshot->victims[payer->victim];
		if (is_same_code(&payer->culprit, &subject->coroutine))
			add_payer(&d->paid_by,
				  victim->name[0]		 ? victim->name :
					  victim->coroutine.name ? victim->coroutine.name :
								   "(not known)",
				  payer);
		if (is_same_code(&victim->coroutine, &subject->coroutine))
			add_payer(&d->behind,
				  payer->culprit.name ? payer->culprit.name : "(not known)", payer);
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
	size_t i;

	for (i = 0; subject->task && i < snapshot->n_tasks; i++)
		if (snapshot->tasks[i].task == subject->task &&
		    snapshot->tasks[i].pid == subject->pid) {
			take_task(d, snapshot, &snapshot->tasks[i]);
			return;
		}
	d->is_task_gone = subject->task != 0;
}

static void find_log(struct detail *d, const struct snapshot *snapshot,
		     const struct screen_subject *subject)
{
	size_t i;

	for (i = 0; subject->log && i < snapshot->n_log; i++)
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
		d->at = d->stall.call;
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

static void read_source(struct detail *d, const struct view_status *status, uint32_t pid)
{
	uint32_t around = DETAIL_SOURCE_LINES / 2, line;
	char raw[DETAIL_SOURCE_BYTES];

	if (!status->source_line || !d->at.file || !d->at.line)
		return;
	d->first_line = d->at.line > around ? d->at.line - around : 1;
	while (d->n_lines < DETAIL_SOURCE_LINES) {
		line = d->first_line + (uint32_t)d->n_lines;
		if (status->source_line(status->source_ctx, pid, d->at.file, line, raw, sizeof(raw)))
			break;
		escape_source(raw, d->lines[d->n_lines++]);
	}
}

void detail__take(struct detail *d, const struct snapshot *snapshot,
		  const struct view_status *status, const struct screen_subject *subject)
{
	uint32_t pid = subject->pid;
	size_t i;

	memset(d, 0, sizeof(*d));
	d->now_ns = status->now_ns;
	for (i = 0; i < snapshot->n_stalls; i++)
		if (is_about(subject, snapshot->stall_list[i]))
			add_stall(d, snapshot->stall_list[i]);
	choose_stall(d, snapshot, subject);
	find_row(d, snapshot, status, subject);
	find_site(d, snapshot, status, subject);
	find_payers(d, snapshot, subject);
	find_task(d, snapshot, subject);
	find_log(d, snapshot, subject);
	/* One stall may have another cause than most of them. */
	if (d->has_stall && (d->is_chosen || !d->has_verdict))
		d->has_verdict = lint__stall(&d->stall, status->lints_off, &d->verdict);
	if (d->has_stall && !pid)
		pid = d->stall.pid;
	choose_line(d, subject);
	read_source(d, status, pid);
}
