/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last minutes in memory: what a copy of them holds, and that memory stays bounded.
 */
#include <sys/mman.h>

#include "record/ring_copy.h"
#include "record/tape.h"

#define RING_NS (16 * TAPE_SECOND)
#define MAX_BYTES (1U << 20)

static void ring_begin(struct tape *t)
{
	tape_begin_with(t, (struct recorder_opts){ .ring_ns = RING_NS, .max_bytes = 64U << 20 });
}

static struct ring_copy *copy_since(struct tape *t, uint64_t since_ns, int (*last)(void *ctx))
{
	struct ring_copy *copy;

	cr_assert_eq(recorder__copy(t->feed.recorder, since_ns, last, t, &copy), 0);
	return copy;
}

static struct ring_copy *copy_of(struct tape *t, int (*last)(void *ctx))
{
	return copy_since(t, 0, last);
}

static void write_copy(struct tape *t, struct ring_copy *copy)
{
	const int fd = open(t->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct stat st;

	cr_assert_geq(fd, 0);
	cr_assert_eq(ring_copy__write(copy, fd), 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_expect_eq((uint64_t)st.st_size, ring_copy__bytes(copy));
	close(fd);
	ring_copy__free(copy);
}

static void pass_rounds(struct tape *t, int n, uint64_t stalls)
{
	for (int i = 0; i < n; i++)
		tape_round(t, stalls);
}

/* Several segments give what one recording would: nothing is counted twice. */
Test(record_ring, a_ring_that_is_not_full_is_a_recording)
{
	struct tape t;

	ring_begin(&t);
	pass_rounds(&t, 56, 3);
	tape_life(&t, LS_REC_EXIT, TID + 1);
	pass_rounds(&t, 4, 3);
	cr_assert_geq(recorder__files(t.feed.recorder), 6);
	write_copy(&t, copy_of(&t, NULL));
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

/* The live model has the same stall, with the same name or without one. */
static void expect_name_of(const struct snapshot *live, const struct stall *replayed)
{
	size_t i = 0;

	while (i < live->n_stalls && live->stall_list[i]->start_ns != replayed->start_ns)
		i++;
	cr_assert_lt(i, live->n_stalls);
	cr_expect_str_eq(replayed->coroutine.name ?: "(unknown)",
			 live->stall_list[i]->coroutine.name ?: "(unknown)");
}

/* Some callbacks of the tape have no stack, and are no stalls: their number is up to chance. */
static uint64_t count_since(const struct snapshot *live, uint64_t start_ns)
{
	uint64_t n = 0;

	for (size_t i = 0; i < live->n_stalls; i++)
		n += live->stall_list[i]->start_ns >= start_ns;
	return n;
}

/* The state in which the window begins is in the file, too. */
Test(record_ring, the_newest_minutes_have_their_names)
{
	const struct snapshot *s, *live;
	struct replay r;
	struct tape t;
	uint64_t first_ns;

	ring_begin(&t);
	pass_rounds(&t, 800, 1);
	write_copy(&t, copy_of(&t, NULL));
	replay_begin(&r, t.path);
	replay_all(&r);
	cr_expect_null(player__damage(r.player), "%s", player__damage(r.player));
	cr_expect(player__is_complete(r.player));
	first_ns = meta__u64(player__meta(r.player), "start_ns", 0);
	cr_expect_geq(t.clock.now_ns - first_ns, RING_NS);
	cr_expect_leq(t.clock.now_ns - first_ns, RING_NS + RING_NS / 8 + 2 * TAPE_SECOND);
	cr_expect_eq(meta__u64(player__meta(r.player), "start_time", 0),
		     1700000000 + first_ns / TAPE_SECOND - 5000);
	cr_assert_eq(model__snapshot(r.model, &s), 0);
	cr_assert_eq(model__snapshot(t.feed.model, &live), 0);
	cr_expect_geq(s->stalls, count_since(live, first_ns + TAPE_SECOND / 2));
	cr_expect_leq(s->stalls, count_since(live, first_ns - TAPE_SECOND / 2));
	cr_expect_gt(s->stalls, 4 * 16 / 2);
	cr_expect_gt(s->n_rows, 2);
	for (size_t i = 0; i < s->n_rows; i++)
		cr_expect(s->rows[i].coroutine.name && s->rows[i].coroutine.name[0]);
	cr_assert_eq(s->n_loops, live->n_loops);
	for (size_t i = 0; i < s->n_loops; i++)
		cr_expect_str_eq(s->loops[i].process, live->loops[i].process);
	for (size_t i = 0; i < s->n_stalls; i++)
		expect_name_of(live, s->stall_list[i]);
	replay_done(&r);
	tape_done(&t);
}

Test(record_ring, memory_is_bounded)
{
	uint64_t most = 0;
	struct tape t;

	tape_begin_with(
		&t, (struct recorder_opts){ .ring_ns = 600 * TAPE_SECOND, .max_bytes = MAX_BYTES });
	for (int i = 0; i < 1000; i++) {
		tape_round(&t, 60);
		if (recorder__ring_bytes(t.feed.recorder) > most)
			most = recorder__ring_bytes(t.feed.recorder);
	}
	cr_expect_leq(most, MAX_BYTES + MAX_BYTES / 8, "%" PRIu64 " bytes", most);
	cr_expect_gt(most, MAX_BYTES / 2);
	cr_expect_gt(recorder__bytes(t.feed.recorder), 2 * MAX_BYTES);
	write_copy(&t, copy_of(&t, NULL));
	{
		struct replay r;

		replay_begin(&r, t.path);
		replay_all(&r);
		cr_expect_null(player__damage(r.player), "%s", player__damage(r.player));
		replay_done(&r);
	}
	tape_done(&t);
}

static int end_open_stall(void *ctx)
{
	struct tape *t = ctx;
	struct ls_rec_stall rec = script_stall(&t->clock, 0xffff, LS_UNIT_STEP);
	struct event event;

	script_time(&rec, LS_CAUSE_SLEEP, 7 * TAPE_SECOND);
	rec.end = LS_END_RUNNING;
	cr_assert_eq(event__decode(&rec, sizeof(rec), &event), 0);
	return recorder__event(t->feed.recorder, t->clock.now_ns, &event);
}

static uint64_t stalls_in(const char *path)
{
	const struct snapshot *s;
	struct replay r;
	uint64_t n;

	replay_begin(&r, path);
	replay_all(&r);
	cr_expect_null(player__damage(r.player), "%s", player__damage(r.player));
	cr_assert_eq(model__snapshot(r.model, &s), 0);
	n = s->stalls;
	replay_done(&r);
	return n;
}

/* The answers for what ends with the copy are those that were given before. */
static void expect_named(const char *path)
{
	const struct snapshot *s;
	struct replay r;

	replay_begin(&r, path);
	replay_all(&r);
	cr_assert_eq(model__snapshot(r.model, &s), 0);
	cr_assert_gt(s->n_stalls, 0);
	cr_expect_eq(s->stall_list[0]->end, LS_END_RUNNING);
	cr_expect_str_eq(s->stall_list[0]->coroutine.name, "handler");
	replay_done(&r);
}

/* What ends with a copy is in this copy only. */
Test(record_ring, the_last_inputs_are_not_in_the_ring)
{
	struct tape t;
	uint64_t n;

	ring_begin(&t);
	pass_rounds(&t, 20, 3);
	write_copy(&t, copy_of(&t, NULL));
	n = stalls_in(t.path);
	write_copy(&t, copy_of(&t, end_open_stall));
	cr_expect_eq(stalls_in(t.path), n + 1);
	expect_named(t.path);
	pass_rounds(&t, 20, 3);
	write_copy(&t, copy_of(&t, end_open_stall));
	pass_rounds(&t, 20, 3);
	write_copy(&t, copy_of(&t, NULL));
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

static int fail(void *ctx)
{
	end_open_stall(ctx);
	return -EIO;
}

Test(record_ring, a_copy_that_fails_harms_nothing)
{
	struct ring_copy *copy;
	struct tape t;

	ring_begin(&t);
	pass_rounds(&t, 20, 3);
	cr_expect_eq(recorder__copy(t.feed.recorder, 0, fail, &t, &copy), -EIO);
	pass_rounds(&t, 20, 3);
	write_copy(&t, copy_of(&t, NULL));
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

Test(record_ring, a_copy_outlives_what_is_dropped)
{
	const struct snapshot *s;
	struct ring_copy *copy;
	struct tape t;
	uint64_t n;

	ring_begin(&t);
	pass_rounds(&t, 60, 2);
	copy = copy_of(&t, NULL);
	cr_assert_eq(model__snapshot(t.feed.model, &s), 0);
	n = s->stalls;
	pass_rounds(&t, 200, 2);
	write_copy(&t, copy);
	cr_expect_eq(stalls_in(t.path), n);
	tape_done(&t);
}

Test(record_ring, a_full_disk)
{
	struct ring_copy *copy;
	struct tape t;
	int fd;

	ring_begin(&t);
	pass_rounds(&t, 20, 3);
	copy = copy_of(&t, NULL);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_expect_eq(ring_copy__write(copy, fd), -ENOSPC);
	close(fd);
	write_copy(&t, copy);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

Test(record_ring, too_small)
{
	const struct resolver inner = { &script_ops, NULL };
	const struct recorder_opts opts = { .ring_ns = RING_NS, .max_bytes = MAX_BYTES - 1 };
	const struct meta none = {};
	struct recorder *rec;
	struct err err = {};

	cr_expect_eq(recorder__new(&rec, &opts, &none, &inner, &err), -EINVAL);
	cr_expect_not_null(strstr(err.hint, "1024 KiB"), "%s", err.hint);
}

/* That ended at that time or later. */
static uint64_t stalls_since(const char *path, uint64_t since_ns)
{
	const struct snapshot *s;
	struct replay r;
	uint64_t n = 0;

	replay_begin(&r, path);
	replay_all(&r);
	cr_assert_eq(model__snapshot(r.model, &s), 0);
	for (size_t i = 0; i < s->n_stalls; i++)
		n += s->stall_list[i]->start_ns + s->stall_list[i]->duration_ns >= since_ns;
	replay_done(&r);
	return n;
}

/* Segments have an eighth of the ring's time; a stall ends up to a round before it is recorded. */
Test(record_ring, a_copy_of_the_last_seconds)
{
	const uint64_t last_ns[] = { 1, 3 * TAPE_SECOND, 7 * TAPE_SECOND };
	const uint64_t most_ns = RING_NS / 8 + TAPE_SECOND / 2;
	struct tape all, t;
	uint64_t n;

	ring_begin(&t);
	pass_rounds(&t, 200, 1);
	tape_path(all.path);
	for (size_t i = 0; i < sizeof(last_ns) / sizeof(last_ns[0]); i++) {
		const uint64_t since_ns = t.clock.now_ns - last_ns[i];

		write_copy(&all, copy_of(&t, NULL));
		write_copy(&t, copy_since(&t, since_ns, NULL));
		n = stalls_in(t.path);
		cr_expect_geq(n, stalls_since(all.path, since_ns));
		cr_expect_leq(n, stalls_since(all.path, since_ns - most_ns));
		cr_expect_lt(n, stalls_in(all.path));
	}
	write_copy(&t, copy_since(&t, 1, end_open_stall));
	cr_expect_eq(stalls_in(t.path), stalls_in(all.path) + 1, "what is older than the ring");
	write_copy(&t, copy_since(&t, t.clock.now_ns + TAPE_SECOND, end_open_stall));
	cr_expect_geq(stalls_in(t.path), 1, "what is yet to come");
	unlink(all.path);
	tape_done(&t);
}
