/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as text, every field of it: two that give the same text are the same to every reader.
 */
#ifndef TESTS_RECORD_DUMP_H
#define TESTS_RECORD_DUMP_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "model/model.h"

#define DUMP_U64(out, s, field) fprintf(out, " " #field "=%" PRIu64, (uint64_t)(s)->field)

static inline void dump_text(FILE *out, const char *name, const char *text)
{
	fprintf(out, " %s=%s", name, text ? text : "(null)");
}

static inline void dump_code(FILE *out, const char *name, const struct code_info *code)
{
	dump_text(out, name, code->name);
	dump_text(out, "in", code->file);
	fprintf(out, ":%u", code->first_line);
}

static inline void dump_frame(FILE *out, const struct model_frame *frame)
{
	dump_text(out, "at", frame->function);
	dump_text(out, "in", frame->file);
	fprintf(out, ":%u", frame->line);
}

static inline void dump_u64s(FILE *out, const char *name, const uint64_t *values, size_t n)
{
	fprintf(out, " %s=", name);
	for (size_t i = 0; i < n; i++)
		if (values[i])
			fprintf(out, "%zu:%" PRIu64 ",", i, values[i]);
}

static inline void dump_turn(FILE *out, const struct turn_parts *turn)
{
	for (size_t i = 0; i < turn->n_parts; i++) {
		dump_code(out, "part", &turn->parts[i].coroutine);
		fprintf(out, " %u %" PRIu64, turn->parts[i].steps, turn->parts[i].duration_ns);
	}
	fprintf(out, " rest=%u %" PRIu64 " made=%u %d", turn->rest_steps, turn->rest_ns,
		turn->maker.n_made, turn->maker.origin);
	dump_code(out, "maker", &turn->maker.coroutine);
	dump_frame(out, &turn->maker.at);
}

static inline void dump_stall(FILE *out, const struct stall *s)
{
	fprintf(out, "stall pid=%u tid=%u unit=%d cause=%d", s->pid, s->tid, s->unit, s->cause);
	DUMP_U64(out, s, start_ns);
	DUMP_U64(out, s, duration_ns);
	dump_u64s(out, "causes", s->cause_ns, LS_CAUSE_MAX);
	DUMP_U64(out, s, cpu_ns);
	DUMP_U64(out, s, blocked_ns);
	DUMP_U64(out, s, gil_ns);
	DUMP_U64(out, s, runqueue_ns);
	DUMP_U64(out, s, task);
	dump_text(out, "name", s->task_name);
	dump_code(out, "coroutine", &s->coroutine);
	dump_frame(out, &s->call);
	dump_text(out, "syscall", s->call_syscall);
	dump_text(out, "native", s->call_native);
	for (size_t i = 0; i < s->n_frames; i++)
		dump_frame(out, &s->stack[i]);
	fprintf(out, " cut=%d holder=%u", s->is_stack_cut, s->gil_holder.tid);
	dump_text(out, "thread", s->gil_holder.name);
	for (size_t i = 0; i < s->gil_holder.n_frames; i++)
		dump_frame(out, &s->gil_holder.stack[i]);
	fprintf(out, " lock=%u,%u", s->lock_known, s->lock_holder.tid);
	dump_text(out, "thread", s->lock_holder.name);
	for (size_t i = 0; i < s->lock_holder.n_frames; i++)
		dump_frame(out, &s->lock_holder.stack[i]);
	fprintf(out, " from=%u to=%u", s->from.state, s->to.state);
	dump_frame(out, &s->from.at);
	dump_frame(out, &s->to.at);
	DUMP_U64(out, s, steps);
	DUMP_U64(out, s, victims);
	for (size_t i = 0; i < s->victims_named; i++)
		dump_text(out, "victim", s->victim_names[i]);
	DUMP_U64(out, s, starved_ns);
	DUMP_U64(out, s, sockets);
	dump_turn(out, &s->turn);
	fprintf(out, " %d %d\n", s->is_victims_cut, s->is_victims_unknown);
}

static inline void dump_row(FILE *out, const struct coroutine_row *r)
{
	uint64_t hist[LS_HIST_BUCKETS];

	fprintf(out, "row pid=%u", r->pid);
	dump_code(out, "coroutine", &r->coroutine);
	DUMP_U64(out, r, steps);
	DUMP_U64(out, r, total_ns);
	DUMP_U64(out, r, max_ns);
	DUMP_U64(out, r, stalls);
	DUMP_U64(out, r, starved_ns);
	DUMP_U64(out, r, suffered_ns);
	DUMP_U64(out, r, suffered);
	DUMP_U64(out, r, cpu_ns);
	DUMP_U64(out, r, blocked_ns);
	DUMP_U64(out, r, gil_ns);
	DUMP_U64(out, r, runqueue_ns);
	DUMP_U64(out, r, p50_ns);
	DUMP_U64(out, r, p95_ns);
	DUMP_U64(out, r, p99_ns);
	fprintf(out, " rates=%a,%a", r->steps_per_s, r->busy);
	dump_frame(out, &r->where);
	fprintf(out, " cause=%d trend=", r->where_cause);
	for (size_t i = 0; i < r->n_trend; i++)
		fprintf(out, "%a,", (double)r->trend[i]);
	for (size_t i = 0; i < LS_HIST_BUCKETS; i++)
		hist[i] = r->hist[i];
	dump_u64s(out, "hist", hist, LS_HIST_BUCKETS);
	fputc('\n', out);
}

static inline void dump_loop(FILE *out, const struct loop_row *l)
{
	fprintf(out, "loop pid=%u tid=%u", l->pid, l->tid);
	dump_text(out, "process", l->process);
	DUMP_U64(out, l, steps);
	DUMP_U64(out, l, step_ns);
	DUMP_U64(out, l, callbacks_ns);
	DUMP_U64(out, l, idle_ns);
	DUMP_U64(out, l, turns);
	DUMP_U64(out, l, stalls);
	dump_u64s(out, "causes", l->cause_ns, LS_CAUSE_MAX);
	DUMP_U64(out, l, turn_p50_ns);
	DUMP_U64(out, l, turn_p99_ns);
	DUMP_U64(out, l, turn_max_ns);
	fprintf(out, " rates=%a,%a,%a,%a", l->steps_per_s, l->busy, l->gil, l->runqueue);
	DUMP_U64(out, l, tasks_ready);
	DUMP_U64(out, l, executor_threads);
	DUMP_U64(out, l, executor_max);
	DUMP_U64(out, l, executor_queued);
	DUMP_U64(out, l, executor_full_ticks);
	DUMP_U64(out, l, container_pid);
	fputc('\n', out);
}

static inline void dump_life(FILE *out, const struct life_row *l)
{
	fprintf(out, "life pid=%u kind=%d outside=%d", l->pid, l->kind, l->is_outside);
	dump_text(out, "coroutine", l->coroutine.name);
	dump_text(out, "other", l->other.name);
	dump_frame(out, &l->at);
	dump_text(out, "type", l->type);
	dump_text(out, "file", l->origin.file);
	dump_text(out, "function", l->origin.function);
	DUMP_U64(out, l, origin.line);
	DUMP_U64(out, l, count);
	DUMP_U64(out, l, unawaited);
	DUMP_U64(out, l, count_first);
	DUMP_U64(out, l, count_max);
	DUMP_U64(out, l, since_ns);
	DUMP_U64(out, l, found_ns);
	DUMP_U64(out, l, found);
	fputc('\n', out);
}

static inline void dump_pool(FILE *out, const struct pool_row *p)
{
	fprintf(out, "pool pid=%u kind=%d default=%d", p->pid, p->kind, p->is_default);
	dump_text(out, "name", p->name);
	DUMP_U64(out, p, size);
	DUMP_U64(out, p, busy);
	DUMP_U64(out, p, waiting);
	DUMP_U64(out, p, waiting_max);
	DUMP_U64(out, p, full_ns);
	DUMP_U64(out, p, full_since_ns);
	for (size_t i = 0; i < p->n_places; i++) {
		fprintf(out, " threads=%u", p->places[i].threads);
		dump_frame(out, &p->places[i].at);
	}
	fputc('\n', out);
}

static inline void dump_task(FILE *out, const struct task_row *t)
{
	fprintf(out, "task pid=%u tid=%u state=%d awaited_by=%zd cut=%d", t->pid, t->tid, t->state,
		(ssize_t)t->awaited_by, t->is_cut);
	DUMP_U64(out, t, task);
	dump_text(out, "name", t->name);
	dump_code(out, "coroutine", &t->coroutine);
	dump_text(out, "waits_for", t->waits_for);
	for (size_t i = 0; i < t->n_frames; i++)
		dump_frame(out, &t->stack[i]);
	DUMP_U64(out, t, seen_ns);
	DUMP_U64(out, t, steps);
	DUMP_U64(out, t, total_ns);
	DUMP_U64(out, t, max_ns);
	DUMP_U64(out, t, stalls);
	DUMP_U64(out, t, last_end_ns);
	fprintf(out, " busy=%a\n", t->busy);
}

static inline void dump_holders(FILE *out, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_holders; i++) {
		fputs("holder", out);
		dump_text(out, "thread", s->holders[i].name);
		dump_frame(out, &s->holders[i].at);
		DUMP_U64(out, &s->holders[i], stalls);
		DUMP_U64(out, &s->holders[i], waited_ns);
		DUMP_U64(out, &s->holders[i], starved_ns);
		fputc('\n', out);
	}
	for (size_t i = 0; i < s->n_lock_holders; i++) {
		fputs("lock holder", out);
		dump_text(out, "thread", s->lock_holders[i].name);
		dump_frame(out, &s->lock_holders[i].at);
		DUMP_U64(out, &s->lock_holders[i], waited_ns);
		fputc('\n', out);
	}
}

static inline void dump_lists(FILE *out, const struct snapshot *s)
{
	dump_holders(out, s);
	for (size_t i = 0; i < s->n_sites; i++) {
		const struct site_row *r = &s->sites[i];

		fprintf(out, "site");
		dump_frame(out, &r->at);
		dump_text(out, "syscall", r->syscall);
		dump_code(out, "coroutine", &r->coroutine);
		fprintf(out, " %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			r->cause, r->stalls, r->total_ns, r->max_ns, r->starved_ns, r->last_ns);
	}
	for (size_t i = 0; i < s->n_victims; i++) {
		const struct victim_row *r = &s->victims[i];

		dump_text(out, "victim", r->name);
		dump_code(out, "coroutine", &r->coroutine);
		dump_code(out, "culprit", &r->culprit);
		fprintf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", r->times,
			r->starved_ns, r->worst_ns, r->last_ns);
	}
	for (size_t i = 0; i < s->n_payers; i++) {
		const struct payer_row *r = &s->payers[i];

		dump_code(out, "payer", &r->culprit);
		fprintf(out, " %zu %" PRIu64 " %" PRIu64 "\n", r->victim, r->times, r->starved_ns);
	}
	for (size_t i = 0; i < s->n_losses; i++)
		fprintf(out, "loss %s (%s) %" PRIu64 "\n", s->losses[i].name, s->losses[i].sentence,
			s->losses[i].count);
	for (size_t i = 0; i < s->n_log; i++)
		fprintf(out, "log %" PRIu64 " %" PRIu64 " %d %u %s\n", s->log[i].number,
			s->log[i].at_ns, s->log[i].grade, s->log[i].pid, s->log[i].text);
	for (size_t i = 0; i < s->n_seconds; i++) {
		const struct second_row *r = &s->seconds[i];

		fprintf(out, "second %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %a %a\n", r->stalls,
			r->stall_ns, r->worst_ns, r->worst_cause, r->busy, r->steps);
	}
	for (size_t i = 0; i < s->n_live; i++) {
		const struct stall *r = &s->live[i];

		fprintf(out, "live %u %u %d %d %" PRIu64 " %" PRIu64 " %" PRIu64, r->pid, r->tid,
			r->unit, r->cause, r->start_ns, r->duration_ns, r->blocked_ns);
		dump_code(out, "coroutine", &r->coroutine);
		dump_text(out, "syscall", r->call_syscall);
		dump_text(out, "task", r->task_name);
		for (size_t j = 0; j < r->victims_named; j++)
			dump_text(out, "victim", r->victim_names[j]);
		for (size_t j = 0; j < r->n_frames; j++)
			dump_frame(out, &r->stack[j]);
		fputc('\n', out);
	}
}

/* Names the first line that differs: the whole would be too much to look at. */
static inline void dump_expect_same(const char *a, const char *b)
{
	size_t at = 0, line = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
		at = a[i] == '\n' ? i + 1 : at;
		line += a[i] == '\n';
	}
	cr_assert(!strcmp(a, b), "line %zu: %.*s\ninstead of: %.*s", line,
		  (int)strcspn(a + at, "\n"), a + at, (int)strcspn(b + at, "\n"), b + at);
}

/* To be freed. */
static inline char *dump_snapshot(struct model *m)
{
	const struct snapshot *s;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	cr_assert_eq(model__snapshot(m, &s), 0);
	fprintf(out, "snapshot");
	DUMP_U64(out, s, steps);
	DUMP_U64(out, s, callbacks_ns);
	DUMP_U64(out, s, idle_ns);
	DUMP_U64(out, s, step_ns);
	DUMP_U64(out, s, turns);
	DUMP_U64(out, s, stalls);
	DUMP_U64(out, s, starved_ns);
	DUMP_U64(out, s, unattributed_steps);
	DUMP_U64(out, s, turn_p50_ns);
	DUMP_U64(out, s, turn_p99_ns);
	DUMP_U64(out, s, turn_max_ns);
	DUMP_U64(out, s, tasks_alive);
	DUMP_U64(out, s, tasks_ready);
	DUMP_U64(out, s, tasks_ns);
	fputc('\n', out);
	for (size_t i = 0; i < s->n_rows; i++)
		dump_row(out, &s->rows[i]);
	for (size_t i = 0; i < s->n_stalls; i++)
		dump_stall(out, s->stall_list[i]);
	for (size_t i = 0; i < s->n_loops; i++)
		dump_loop(out, &s->loops[i]);
	for (size_t i = 0; i < s->n_pools; i++)
		dump_pool(out, &s->pools[i]);
	for (size_t i = 0; i < s->n_lives; i++)
		dump_life(out, &s->lives[i]);
	for (size_t i = 0; i < s->n_tasks; i++)
		dump_task(out, &s->tasks[i]);
	dump_lists(out, s);
	fclose(out);
	return text;
}

#endif
