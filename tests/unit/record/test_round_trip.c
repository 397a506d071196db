/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is recorded and replayed gives the same snapshot as what was measured, whatever the inputs.
 */
#include "record/tape.h"

Test(record_round_trip, nothing_at_all)
{
	struct tape t;

	tape_begin(&t, 0, 0);
	tape_end(&t);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

Test(record_round_trip, everything)
{
	struct tape t;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < 200; i++)
		tape_round(&t, 3);
	tape_end(&t);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

/*
 * The threads' ends, an exec and resets make the model forget things that did not change on our
 * side.
 */
Test(record_round_trip, lives_and_resets)
{
	struct tape t;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < 60; i++) {
		tape_round(&t, 1);
		if (i % 10 == 3)
			tape_life(&t, LS_REC_EXIT, TID + (uint32_t)(i % 3));
		if (i % 20 == 7)
			tape_life(&t, LS_REC_EXEC, TID);
		if (i % 15 == 9)
			cr_assert_eq(feed__reset(&t.feed), 0);
	}
	tape_read(&t, 0);
	tape_end(&t);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

Test(record_round_trip, snapshots_on_the_way)
{
	char *live[20], *replayed;
	uint64_t at_ns[20];
	struct replay r;
	struct tape t;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < 20; i++) {
		tape_round(&t, 2);
		live[i] = dump_snapshot(t.feed.model);
		at_ns[i] = t.clock.now_ns;
	}
	tape_end(&t);
	replay_begin(&r, t.path);
	for (int i = 0; i < 20; i++) {
		cr_assert_geq(player__until(r.player, r.model, at_ns[i]), 0);
		replayed = dump_snapshot(r.model);
		dump_expect_same(replayed, live[i]);
		free(replayed);
		free(live[i]);
	}
	replay_done(&r);
	tape_done(&t);
}

Test(record_round_trip, rewind)
{
	struct resolver resolver;
	char *first, *second;
	struct replay r;
	struct tape t;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < 30; i++)
		tape_round(&t, 2);
	tape_end(&t);
	replay_begin(&r, t.path);
	replay_all(&r);
	first = dump_snapshot(r.model);
	model__free(r.model);
	cr_assert_eq(player__rewind(r.player), 0);
	resolver = player__resolver(r.player);
	cr_assert_eq(model__new(&r.model, &resolver, NULL, NULL), 0);
	replay_all(&r);
	second = dump_snapshot(r.model);
	dump_expect_same(second, first);
	free(first);
	free(second);
	replay_done(&r);
	tape_done(&t);
}

Test(record_round_trip, many_tasks)
{
	struct tape t;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < 4; i++) {
		tape_pass(&t, TAPE_SECOND);
		tape_tasks(&t, 20000);
	}
	cr_assert_eq(feed__tasks(&t.feed, t.clock.now_ns + 1, NULL, 0, 77), 0);
	tape_end(&t);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

/* More coroutines than have a slot. */
Test(record_round_trip, slots_are_used_again)
{
	struct tape t;

	tape_begin(&t, 0, 0);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 20000; i++) {
			const struct ls_coro_key key = { .code = HANDLER, .tgid = PID, .tid = i };
			const struct ls_coro_stats stats = { .key = key, .steps = i + round };

			cr_assert_eq(feed__coroutine(&t.feed, &key, &stats), 0);
		}
	}
	tape_end(&t);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

/* A resolver whose answers change: names become known late, and addresses are used again. */
static struct code_info changing = { "early", "/srv/a.py", 1 };
static int n_asked;

static int changing_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
			 struct code_info *ret)
{
	(void)ctx;
	(void)pid;
	(void)code;
	(void)qualname;
	*ret = changing;
	n_asked++;
	return changing.name ? 0 : -ENOENT;
}

Test(record_round_trip, answers_change)
{
	struct resolver_ops ops = script_ops;
	const struct resolver inner = { &ops, NULL };
	struct resolver resolver;
	struct tape t;

	tape_begin(&t, 0, 0);
	model__free(t.feed.model);
	recorder__free(t.feed.recorder);
	unlink(t.path);
	ops.code = changing_code;
	cr_assert_eq(recorder__new(&t.feed.recorder, &(struct recorder_opts){ .path = t.path },
				   &(struct meta){}, &inner, NULL),
		     0);
	resolver = recorder__resolver(t.feed.recorder);
	cr_assert_eq(model__new(&t.feed.model, &resolver, NULL, NULL), 0);
	changing.name = NULL;
	tape_round(&t, 5);
	changing = (struct code_info){ "early", "/srv/a.py", 1 };
	tape_read(&t, 0);
	tape_round(&t, 5);
	changing.name = "late";
	tape_round(&t, 5);
	tape_end(&t);
	cr_assert_gt(n_asked, 0);
	tape_expect_same(&t, t.path);
	tape_done(&t);
}

static const char *numbered_source(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	static char text[64];

	(void)ctx;
	(void)pid;
	snprintf(text, sizeof(text), "def f():\n\t# %llu:%u", (unsigned long long)code, line);
	return line % 2 ? text : NULL;
}

/* The texts of one side. */
struct told_sources {
	char texts[64][64];
	size_t n, n_known;
};

static int keep_source(void *ctx, const struct stall *stall)
{
	struct told_sources *t = ctx;

	if (stall->own.function && t->n < 64) {
		snprintf(t->texts[t->n++], sizeof(t->texts[0]), "%u %s", stall->own.line,
			 stall->source ?: "not known");
		t->n_known += stall->source != NULL;
	}
	return 0;
}

Test(record_round_trip, source_lines)
{
	static struct told_sources live, replayed;
	struct resolver_ops ops = script_ops;
	const struct resolver inner = { &ops, NULL };
	struct resolver resolver;
	struct player *player;
	struct model *model;
	struct tape t;

	tape_begin(&t, 0, 0);
	model__free(t.feed.model);
	recorder__free(t.feed.recorder);
	unlink(t.path);
	ops.source = numbered_source;
	cr_assert_eq(recorder__new(&t.feed.recorder, &(struct recorder_opts){ .path = t.path },
				   &(struct meta){}, &inner, NULL),
		     0);
	resolver = recorder__resolver(t.feed.recorder);
	cr_assert_eq(model__new(&t.feed.model, &resolver, keep_source, &live), 0);
	for (int i = 0; i < 6; i++)
		tape_round(&t, 3);
	tape_end(&t);
	cr_assert_eq(player__open(&player, t.path, NULL), 0);
	resolver = player__resolver(player);
	cr_assert_eq(model__new(&model, &resolver, keep_source, &replayed), 0);
	cr_assert_geq(player__until(player, model, UINT64_MAX), 0);
	cr_expect_gt(live.n_known, 0);
	cr_expect_eq(replayed.n, live.n, "%zu of %zu", replayed.n, live.n);
	for (size_t i = 0; i < live.n; i++)
		cr_expect_str_eq(replayed.texts[i], live.texts[i]);
	model__free(model);
	player__free(player);
	tape_done(&t);
}

Test(record_round_trip, meta_and_notes)
{
	const struct meta *meta;
	struct replay r;
	struct tape t;

	tape_begin(&t, 0, 0);
	cr_assert_eq(recorder__note(t.feed.recorder, "target.0.pid", "4242"), 0);
	for (int i = 0; i < 6; i++)
		tape_round(&t, 1);
	cr_assert_eq(feed__tick(&t.feed, t.clock.now_ns), 0);
	cr_assert_eq(recorder__note(t.feed.recorder, "own_cpu_ns", "12345"), 0);
	tape_end(&t);
	replay_begin(&r, t.path);
	meta = player__meta(r.player);
	cr_expect_str_eq(meta__get(meta, "version"), "0.2");
	cr_expect_eq(meta__u64(meta, "threshold_ns", 0), 10 * MS);
	cr_expect_str_eq(meta__get(meta, "target.0.pid"), "4242",
			 "noted before the head was written");
	cr_expect_null(meta__get(meta, "own_cpu_ns"));
	replay_all(&r);
	cr_expect_eq(meta__u64(meta, "own_cpu_ns", 0), 12345);
	cr_expect_eq(meta__u64(meta, "version", 7), 7, "not a number");
	cr_expect(player__is_complete(r.player));
	cr_expect_eq(player__last_ns(r.player) - player__first_ns(r.player),
		     t.clock.now_ns - 5000 * TAPE_SECOND - 200 * MS);
	replay_done(&r);
	tape_done(&t);
}

/* What did not change is not told again. */
Test(record_round_trip, quiet_is_small)
{
	uint64_t before;
	struct tape t;

	tape_begin(&t, 0, 0);
	tape_round(&t, 0);
	for (int i = 0; i < 10; i++) {
		tape_pass(&t, TAPE_SECOND);
		cr_assert_eq(feed__tick(&t.feed, t.clock.now_ns), 0);
	}
	before = recorder__bytes(t.feed.recorder);
	for (int i = 0; i < 1000; i++) {
		tape_pass(&t, TAPE_SECOND / 4);
		/* Those of which the names are known: others are asked for again. */
		for (uint32_t j = 0; j < 5; j++)
			cr_assert_eq(feed__coroutine(&t.feed, &t.coroutines[j].key,
						     &t.coroutines[j]),
				     0);
		cr_assert_eq(feed__live(&t.feed, NULL, 0), 0);
	}
	cr_expect_leq(recorder__bytes(t.feed.recorder) - before, 200);
	tape_done(&t);
}
