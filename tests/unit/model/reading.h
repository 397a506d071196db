/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings of the kernel's aggregates and snapshots, for the tests of the model.
 */
#ifndef TESTS_MODEL_READING_H
#define TESTS_MODEL_READING_H

#include "model/script.h"

#define SECOND (1000 * MS)

/* `steps` steps of `each_ns` in all, as the kernel has them. */
static inline void reading_coroutine(struct script *s, uint32_t tid, uint64_t code, uint64_t steps,
				     uint64_t each_ns)
{
	const struct ls_coro_key key = { .code = code, .tgid = PID, .tid = tid };
	struct ls_coro_stats stats = { .steps = steps,
				       .total_ns = steps * each_ns,
				       .max_ns = each_ns };

	stats.hist[ls_hist_index(each_ns)] = (uint32_t)steps;
	cr_assert_eq(model__coroutine(s->model, &key, &stats), 0);
}

static inline void reading_thread(struct script *s, uint32_t pid, uint32_t tid, uint64_t steps,
				  uint64_t step_ns)
{
	const struct ls_thread_stats stats = { .steps = steps, .step_ns = step_ns };

	cr_assert_eq(model__thread(s->model, pid, tid, &stats), 0);
}

static inline const struct snapshot *reading_snapshot(struct script *s)
{
	const struct snapshot *snap = NULL;

	cr_assert_eq(model__snapshot(s->model, &snap), 0);
	return snap;
}

static inline const struct coroutine_row *reading_row(const struct snapshot *snap, const char *name)
{
	size_t i;

	for (i = 0; i < snap->n_rows; i++)
		if (!strcmp(snap->rows[i].coroutine.name, name))
			return &snap->rows[i];
	return NULL;
}

static inline uint64_t reading_loss(const struct snapshot *snap, const char *name)
{
	size_t i;

	for (i = 0; i < snap->n_losses; i++)
		if (!strcmp(snap->losses[i].name, name))
			return snap->losses[i].count;
	return 0;
}

/* A step of `code` that spent all of its time in one cause, at one line. */
static inline void reading_stall(struct script *s, uint64_t span, uint64_t code, uint64_t at_code,
				 uint64_t line, enum ls_cause cause, uint64_t ns)
{
	struct ls_rec_stall rec = script_stall(s, span, LS_UNIT_STEP);

	script_at(s, span, cause, ns, at_code, line);
	rec.code = code;
	script_time(&rec, cause, ns);
	script_send_stall(s, &rec);
}

static inline void reading_victim(struct script *s, uint64_t span, const char *name,
				  uint64_t starved_ns)
{
	struct ls_rec_victim rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_VICTIM, sizeof(rec));
	rec.span = span;
	rec.task = 0x7f01;
	rec.starved_ns = starved_ns;
	rec.name = script_pystr(name);
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), 0);
}

#endif
