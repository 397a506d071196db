/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of limited size: how they follow each other, and that each stands by itself.
 */
#include <sys/stat.h>

#include "record/tape.h"

#define LIMIT (128U << 10)

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void older(const struct tape *t, int age, char path[80])
{
	snprintf(path, 80, age ? "%s.%d" : "%s", t->path, age);
}

/* A stack whose stall got lost must not keep everything in memory that comes after it. */
Test(record_rotation, a_stall_that_does_not_come_is_not_waited_for)
{
	struct ls_rec_stack stack;
	struct tape t;

	tape_begin(&t, 0, 0);
	tape_pass(&t, MS);
	stack = script_stack(&t.clock, 1, LS_CAUSE_CPU, MS);
	script_frame(&stack, HANDLER, 14);
	tape_send(&t, &stack, stack.hdr.len);
	for (int i = 0; i < 2; i++) {
		tape_pass(&t, TAPE_SECOND);
		cr_assert_eq(feed__tick(&t.feed, t.clock.now_ns), 0);
	}
	cr_expect_gt(size_of(t.path), 0, "nothing was written in two seconds");
	tape_end(&t);
	tape_done(&t);
}

Test(record_rotation, limits)
{
	char path[80];
	struct tape t;

	tape_begin(&t, LIMIT, 3);
	for (int i = 0; recorder__files(t.feed.recorder) < 7; i++) {
		cr_assert_lt(i, 100000);
		tape_round(&t, 6);
	}
	tape_end(&t);
	for (int age = 0; age <= 3; age++) {
		older(&t, age, path);
		cr_expect_gt(size_of(path), 0, "%s is missing", path);
		cr_expect_leq(size_of(path), LIMIT, "%s has %" PRIu64 " bytes", path,
			      size_of(path));
		if (age > 0)
			cr_expect_gt(size_of(path), LIMIT / 2);
	}
	older(&t, 4, path);
	cr_expect_eq(size_of(path), 0, "older than was asked for");
	cr_expect_gt(recorder__bytes(t.feed.recorder), 6 * LIMIT / 2);
	tape_done(&t);
}

/* Sums over the files are those of the whole run: nothing is counted twice, nothing is missing. */
Test(record_rotation, files_add_up)
{
	uint64_t steps = 0, stalls = 0, step_ns = 0, last_ns = 0;
	const struct snapshot *s;
	struct replay r;
	char path[80];
	struct tape t;
	int files;

	tape_begin(&t, LIMIT, 10);
	for (int i = 0; recorder__files(t.feed.recorder) < 5; i++)
		tape_round(&t, 5);
	tape_round(&t, 5);
	tape_end(&t);
	files = (int)recorder__files(t.feed.recorder);
	for (int age = files - 1; age >= 0; age--) {
		older(&t, age, path);
		replay_begin(&r, path);
		replay_all(&r);
		cr_expect_null(player__damage(r.player));
		cr_expect(player__is_complete(r.player));
		cr_expect_str_eq(meta__get(player__meta(r.player), "version"), "0.2");
		cr_expect_geq(player__first_ns(r.player) + TAPE_SECOND, last_ns);
		last_ns = player__last_ns(r.player);
		cr_assert_eq(model__snapshot(r.model, &s), 0);
		cr_expect_gt(s->n_rows, 2);
		for (size_t i = 0; i < s->n_rows; i++)
			cr_expect(s->rows[i].coroutine.name && s->rows[i].coroutine.name[0]);
		steps += s->steps;
		stalls += s->stalls;
		step_ns += s->step_ns;
		replay_done(&r);
	}
	cr_assert_eq(model__snapshot(t.feed.model, &s), 0);
	cr_expect_eq(stalls, s->stalls);
	cr_expect_eq(steps, s->steps);
	cr_expect_eq(step_ns, s->step_ns);
	tape_done(&t);
}

/* A worker that comes, works and goes. */
static void worker_lives(struct tape *t, uint32_t pid)
{
	const struct ls_coro_key key = { .code = HANDLER, .tgid = pid, .tid = pid };
	struct ls_coro_stats stats = { .key = key, .steps = 10, .total_ns = 10 * MS, .max_ns = MS };
	struct ls_thread_stats thread = { .steps = 10, .step_ns = 10 * MS };
	struct ls_rec_life life = { .hdr = script_header(&t->clock, LS_REC_EXIT, sizeof(life)) };

	stats.hist[ls_hist_index(MS)] = 10;
	life.hdr.tgid = life.hdr.tid = pid;
	cr_assert_eq(feed__thread(&t->feed, pid, pid, &thread), 0);
	cr_assert_eq(feed__coroutine(&t->feed, &key, &stats), 0);
	tape_send(t, &life, sizeof(life));
	stats.steps = thread.steps = 12;
	cr_assert_eq(feed__thread(&t->feed, pid, pid, &thread), 0);
	cr_assert_eq(feed__coroutine(&t->feed, &key, &stats), 0);
	tape_pass(t, TAPE_SECOND);
	cr_assert_eq(feed__tick(&t->feed, t->clock.now_ns), 0);
}

/* Each file holds its own time only, however many there were before. */
Test(record_rotation, workers_of_days)
{
	const uint32_t n = 20000;
	uint64_t steps = 0, handled = 0;
	const struct snapshot *s;
	struct replay r;
	char path[80];
	struct tape t;
	int files;

	tape_begin(&t, LIMIT, 50);
	for (uint32_t i = 0; i < n; i++)
		worker_lives(&t, 10000 + i);
	tape_end(&t);
	files = (int)recorder__files(t.feed.recorder);
	cr_assert_gt(files, 3);
	for (int age = files - 1; age >= 0; age--) {
		older(&t, age, path);
		cr_expect_leq(size_of(path), LIMIT, "%s has %" PRIu64 " bytes", path,
			      size_of(path));
		replay_begin(&r, path);
		replay_all(&r);
		cr_expect_null(player__damage(r.player));
		cr_assert_eq(model__snapshot(r.model, &s), 0);
		cr_expect_eq(s->n_losses, 0);
		steps += s->steps;
		cr_assert_eq(s->n_rows, 1);
		handled += s->rows[0].steps;
		replay_done(&r);
	}
	cr_expect_eq(steps, 12 * n);
	cr_expect_eq(handled, 12 * n);
	tape_done(&t);
}

/* What the newest file gives is what a model has that was reset when the file began. */
Test(record_rotation, state_goes_on)
{
	unsigned int files;
	struct tape t;

	tape_begin(&t, LIMIT, 2);
	do {
		files = recorder__files(t.feed.recorder);
		tape_round(&t, 6);
	} while (recorder__files(t.feed.recorder) == files);
	/* Both begin here; the log is not carried over, nor when tasks were seen first. */
	cr_assert_eq(feed__reset(&t.feed), 0);
	tape_pass(&t, TAPE_SECOND);
	cr_assert_eq(feed__tasks(&t.feed, t.clock.now_ns, (struct model_task[]){ {} }, 0, 0), 0);
	for (int i = 0; i < 5; i++)
		tape_stall(&t);
	tape_read(&t, 10);
	tape_end(&t);
	{
		const struct snapshot *live, *replayed;
		struct replay r;

		replay_begin(&r, t.path);
		replay_all(&r);
		cr_assert_eq(model__snapshot(r.model, &replayed), 0);
		cr_assert_eq(model__snapshot(t.feed.model, &live), 0);
		cr_expect_eq(replayed->steps, live->steps);
		cr_expect_eq(replayed->n_rows, live->n_rows);
		cr_expect_eq(replayed->n_loops, live->n_loops);
		for (size_t i = 0; i < live->n_rows && i < replayed->n_rows; i++)
			cr_expect_str_eq(replayed->rows[i].coroutine.name,
					 live->rows[i].coroutine.name);
		for (size_t i = 0; i < live->n_loops && i < replayed->n_loops; i++)
			cr_expect_str_eq(replayed->loops[i].process, live->loops[i].process);
		cr_expect_eq(replayed->n_stalls, live->n_stalls);
		cr_expect_gt(live->n_stalls, 0);
		replay_done(&r);
	}
	tape_done(&t);
}

Test(record_rotation, ends_without_room)
{
	struct tape t;
	int r = 0;

	tape_begin(&t, LIMIT, 0);
	for (int i = 0; r == 0; i++) {
		cr_assert_lt(i, 10000);
		tape_pass(&t, 200 * MS);
		r = feed__log(&t.feed, t.clock.now_ns, LOG_GRADE_INFO, 0, "text");
		for (uint64_t j = 0; r == 0 && j < 50; j++) {
			struct ls_rec_stall rec = script_stall(&t.clock, j, LS_UNIT_STEP);
			struct event event;

			rec.task = tape_random(&t, UINT32_MAX) << 32 | tape_random(&t, UINT32_MAX);
			script_time(&rec, LS_CAUSE_CPU, tape_random(&t, 50 * MS));
			cr_assert_eq(event__decode(&rec, sizeof(rec), &event), 0);
			r = feed__event(&t.feed, &event);
		}
	}
	cr_expect_eq(r, -EFBIG);
	cr_expect_eq(feed__tick(&t.feed, t.clock.now_ns), -EFBIG, "it is final");
	cr_expect_leq(size_of(t.path), LIMIT);
	{
		struct replay replay;

		replay_begin(&replay, t.path);
		replay_all(&replay);
		cr_expect(player__is_complete(replay.player));
		cr_expect_null(player__damage(replay.player));
		replay_done(&replay);
	}
	tape_done(&t);
}

Test(record_rotation, never_over_a_file)
{
	const struct resolver inner = { &script_ops, NULL };
	struct recorder *rec = NULL;
	const struct meta none = {};
	struct err err = {};
	char path[64], first[80];

	tape_path(path);
	tape_write(path, (const uint8_t *)"mine", 4);
	cr_expect_eq(recorder__new(&rec, &(struct recorder_opts){ .path = path }, &none, &inner,
				   &err),
		     -EEXIST);
	cr_expect_not_null(strstr(err.what, path));
	cr_expect_neq(err.hint[0], '\0');
	cr_expect_eq(size_of(path), 4);
	cr_assert_eq(recorder__new(&rec,
				   &(struct recorder_opts){ .path = path, .may_replace = true },
				   &none, &inner, &err),
		     0);
	recorder__free(rec);
	unlink(path);
	/* Nor over one that would be in the way later. */
	snprintf(first, sizeof(first), "%s.1", path);
	tape_write(first, (const uint8_t *)"mine", 4);
	cr_expect_eq(recorder__new(
			     &rec,
			     &(struct recorder_opts){ .path = path, .max_bytes = LIMIT, .keep = 2 },
			     &none, &inner, &err),
		     -EEXIST);
	cr_expect_eq(recorder__new(&rec, &(struct recorder_opts){ .path = path, .max_bytes = 1000 },
				   &none, &inner, &err),
		     -EINVAL);
	unlink(first);
	unlink(path);
}

Test(record_rotation, full_disk)
{
	const struct resolver inner = { &script_ops, NULL };
	struct err err = {};
	struct recorder *rec = NULL;

	cr_assert_eq(
		recorder__new(&rec,
			      &(struct recorder_opts){ .path = "/dev/full", .may_replace = true },
			      &(struct meta){}, &inner, &err),
		0);
	cr_expect_eq(recorder__tick(rec, 1), 0);
	cr_expect_eq(recorder__tick(rec, 2 * TAPE_SECOND), -ENOSPC);
	cr_expect_eq(recorder__tick(rec, 2 * TAPE_SECOND), -ENOSPC, "it is final");
	cr_expect_eq(recorder__close(rec), -ENOSPC);
	recorder__free(rec);
}
