/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripted measurements that are recorded, and what comes out of the file again.
 */
#ifndef TESTS_RECORD_TAPE_H
#define TESTS_RECORD_TAPE_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/script.h"
#include "record/dump.h"
#include "record/feed.h"
#include "record/player.h"

#define TAPE_SECOND (1000 * MS)

struct tape {
	char path[64];
	struct feed feed;
	struct script clock; /* only its time is used */
	uint64_t spans;
	uint64_t random; /* state */
	struct ls_coro_stats coroutines[16];
	struct ls_thread_stats threads[3];
};

static const uint64_t tape_codes[] = { HANDLER, FETCH_ROW, RENDER, TICK, CONNECTION_LOST, 0xdead };

static inline uint64_t tape_random(struct tape *t, uint64_t below)
{
	t->random = t->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (t->random >> 33) % below;
}

/* A name in the folder for temporary files that nobody has. */
static inline void tape_path(char path[64])
{
	int fd;

	strcpy(path, "/tmp/loopstall-test-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	close(fd);
	unlink(path);
}

static inline void tape_begin_with(struct tape *t, struct recorder_opts opts)
{
	const struct resolver inner = { &script_ops, NULL };
	struct meta meta = {};
	struct resolver resolver;
	struct err err = {};

	memset(t, 0, sizeof(*t));
	tape_path(t->path);
	opts.path = opts.ring_ns ? NULL : t->path;
	t->random = 42;
	t->clock.now_ns = 5000 * TAPE_SECOND;
	cr_assert_eq(meta__set(&meta, "version", "0.2"), 0);
	cr_assert_eq(meta__set_u64(&meta, "start_ns", t->clock.now_ns), 0);
	cr_assert_eq(meta__set_u64(&meta, "start_time", 1700000000), 0);
	cr_assert_eq(meta__set_u64(&meta, "threshold_ns", 10 * MS), 0);
	cr_assert_eq(recorder__new(&t->feed.recorder, &opts, &meta, &inner, &err), 0, "%s",
		     err.what);
	meta__done(&meta);
	resolver = recorder__resolver(t->feed.recorder);
	cr_assert_eq(model__new(&t->feed.model, &resolver, NULL, NULL), 0);
}

static inline void tape_begin(struct tape *t, uint64_t max_bytes, unsigned int keep)
{
	tape_begin_with(t, (struct recorder_opts){ .max_bytes = max_bytes, .keep = keep });
}

static inline void tape_pass(struct tape *t, uint64_t ns)
{
	t->clock.now_ns += ns;
	t->feed.now_ns = t->clock.now_ns;
}

static inline void tape_send(struct tape *t, const void *record, size_t size)
{
	struct event event;

	cr_assert_eq(event__decode(record, size, &event), 0, "the decoder refuses the record");
	cr_assert_eq(feed__event(&t->feed, &event), 0);
}

static inline void tape_victim(struct tape *t, uint64_t span)
{
	struct ls_rec_victim rec;
	char name[32];

	memset(&rec, 0, sizeof(rec));
	snprintf(name, sizeof(name), "worker-%u", (unsigned int)tape_random(t, 5));
	rec.hdr = script_header(&t->clock, LS_REC_VICTIM, sizeof(rec));
	rec.span = span;
	rec.task = 0x7f01;
	rec.code = tape_codes[tape_random(t, 6)];
	rec.starved_ns = tape_random(t, 40 * MS);
	rec.name = script_pystr(name);
	tape_send(t, &rec, sizeof(rec));
}

/* What held the GIL, or with another cause the lock. */
static inline void tape_holder_stack(struct tape *t, uint64_t span, enum ls_cause cause)
{
	struct ls_rec_stack stack = script_stack(&t->clock, span, cause, tape_random(t, 50 * MS));

	stack.flags = LS_STACK_HOLDER;
	for (uint64_t i = tape_random(t, 5); i > 0; i--)
		script_frame(&stack, tape_codes[tape_random(t, 6)], 1 + tape_random(t, 90));
	tape_send(t, &stack, stack.hdr.len);
}

static inline void tape_holders(struct tape *t, struct ls_rec_stall *rec)
{
	tape_holder_stack(t, rec->span, LS_CAUSE_GIL);
	tape_holder_stack(t, rec->span, LS_CAUSE_LOCK);
	rec->gil_holder_tstate = 1;
	rec->gil_holder_id = TID;
	snprintf(rec->gil_holder_name, sizeof(rec->gil_holder_name), "pool_%u",
		 (unsigned int)tape_random(t, 3));
	rec->lock_holder_tstate = tape_random(t, 2);
	rec->lock_holder_id = tape_random(t, 2) * TID;
	rec->lock_known = (uint32_t)tape_random(t, LS_LOCK_MAX);
	snprintf(rec->lock_holder_name, sizeof(rec->lock_holder_name), "keeper_%u",
		 (unsigned int)tape_random(t, 3));
}

static inline void tape_request(struct tape *t, struct ls_rec_stall *rec)
{
	struct ls_request *request = &rec->request;
	char test[sizeof(rec->test)] = "";

	request->state = (uint32_t)tape_random(t, LS_REQUEST_STATE_MAX);
	request->n_prefixes = (uint8_t)tape_random(t, LS_REQUEST_PREFIXES + 1);
	request->is_partial = (uint8_t)tape_random(t, 2);
	request->method = script_pystr(tape_random(t, 2) ? "GET" : "POST");
	request->route = script_pystr("/items/{id}");
	for (size_t i = 0; i < LS_REQUEST_PREFIXES; i++)
		request->prefixes[i] = script_pystr(i ? "/api" : "/v1");
	snprintf(test, sizeof(test), "tests/test_a.py::test_%0*u", (int)tape_random(t, 300),
		 (unsigned int)tape_random(t, 3));
	memcpy(rec->test, test, sizeof(test));
}

/* Two native frames inside a stack, one of them with a name. */
static inline void tape_native(struct tape *t, const struct ls_rec_stack *stack)
{
	const struct ls_rec_native rec = script_native_stack(&t->clock, stack);

	tape_send(t, &rec, rec.hdr.len);
}

/* Where a step resumed; where it suspended is one of `states` states. */
static inline struct ls_await tape_await(struct tape *t, uint64_t states)
{
	static const uint32_t list[] = { LS_AWAIT_UNKNOWN, LS_AWAIT_SUSPENDED, LS_AWAIT_RETURNED,
					 LS_AWAIT_RAISED, LS_AWAIT_CANCELLED };

	return (struct ls_await){ .frame = { tape_codes[tape_random(t, 6)], tape_random(t, 90) },
				  .state = list[tape_random(t, states)] };
}

/* What a turn consisted of, and its stall. */
static inline void tape_turn(struct tape *t)
{
	struct ls_rec_stall rec = script_stall(&t->clock, ++t->spans, LS_UNIT_TURN);
	struct ls_rec_stack stack = script_stack(&t->clock, rec.span, LS_CAUSE_CPU, 0);
	struct ls_rec_turn turn;

	memset(&turn, 0, sizeof(turn));
	turn.hdr = script_header(&t->clock, LS_REC_TURN, sizeof(turn));
	turn.span = rec.span;
	turn.n_parts = (uint32_t)tape_random(t, LS_MAX_TURN_PARTS + 1);
	for (uint32_t i = 0; i < turn.n_parts; i++)
		turn.parts[i] = (struct ls_turn_part){ .code = tape_codes[tape_random(t, 6)],
						       .duration_ns = tape_random(t, MS),
						       .steps = (uint32_t)tape_random(t, 90) };
	turn.rest_ns = tape_random(t, MS);
	turn.rest_steps = (uint32_t)tape_random(t, 9);
	turn.maker_code = tape_codes[tape_random(t, 6)];
	turn.n_made = (uint32_t)tape_random(t, 90);
	turn.maker_origin = (uint32_t)tape_random(t, LS_MAKER_MAX);
	stack.flags |= LS_STACK_MAKER;
	script_frame(&stack, HANDLER, 1 + tape_random(t, 90));
	tape_send(t, &stack, stack.hdr.len);
	tape_send(t, &turn, sizeof(turn));
	rec.steps = 90;
	script_time(&rec, LS_CAUSE_CPU, 10 * MS + tape_random(t, MS));
	tape_send(t, &rec, sizeof(rec));
}

/* A stall with its stacks and victims. */
static inline void tape_stall(struct tape *t)
{
	const uint64_t span = ++t->spans;
	const enum ls_cause cause = (enum ls_cause)tape_random(t, LS_CAUSE_MAX);
	struct ls_rec_stall rec =
		script_stall(&t->clock, span, tape_random(t, 4) ? LS_UNIT_STEP : LS_UNIT_CALLBACK);

	for (uint64_t i = tape_random(t, 4); i > 0; i--) {
		struct ls_rec_stack stack =
			script_stack(&t->clock, span, cause, tape_random(t, 50 * MS));

		stack.syscall = tape_random(t, 2) ? 230 : LS_NO_SYSCALL;
		stack.native_ip = tape_random(t, 2) ? 0x7f00 : 0;
		for (uint64_t j = tape_random(t, 20); j > 0; j--)
			script_frame(&stack, tape_codes[tape_random(t, 6)], 1 + tape_random(t, 90));
		script_frame(&stack, HANDLER, 14);
		tape_send(t, &stack, stack.hdr.len);
		tape_native(t, &stack);
	}
	for (uint64_t i = tape_random(t, 3); i > 0; i--)
		tape_victim(t, span);
	if (rec.unit == LS_UNIT_STEP)
		rec.code = tape_codes[tape_random(t, 6)];
	rec.from = tape_await(t, 2);
	rec.to = tape_await(t, 5);
	tape_holders(t, &rec);
	tape_request(t, &rec);
	rec.starved_ns = tape_random(t, 60 * MS);
	script_time(&rec, cause, 10 * MS + tape_random(t, 90 * MS));
	script_time(&rec, LS_CAUSE_CPU, tape_random(t, 5 * MS));
	tape_send(t, &rec, sizeof(rec));
	if (!tape_random(t, 4))
		tape_turn(t);
}

/* One round of readings; some do not change. */
static inline void tape_read(struct tape *t, uint64_t steps)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct ls_thread_stats *s = &t->threads[i];

		s->steps += i < 2 ? steps : 0;
		s->step_ns += i < 2 ? steps * 20000 : 0;
		s->turns += i < 2 ? steps / 2 : 0;
		s->turn_hist[ls_hist_index(40000)] += (uint32_t)(i < 2 ? steps / 2 : 0);
		cr_assert_eq(feed__thread(&t->feed, PID, TID + i, s), 0);
	}
	for (uint32_t i = 0; i < 16; i++) {
		struct ls_coro_stats *s = &t->coroutines[i];
		const struct ls_coro_key key = { .code = tape_codes[i % 6],
						 .tgid = PID,
						 .tid = TID + i / 6 };
		const uint64_t ns = 1000 + tape_random(t, 100000);

		s->key = key;
		if (i % 3) {
			s->steps += steps;
			s->total_ns += steps * ns;
			s->max_ns = s->max_ns > ns ? s->max_ns : ns;
			s->cause_ns[LS_CAUSE_SLEEP] += tape_random(t, 2) * ns;
			s->hist[ls_hist_index(ns)] += (uint32_t)steps;
		}
		cr_assert_eq(feed__coroutine(&t->feed, &key, s), 0);
	}
	cr_assert_eq(feed__loss(&t->feed, "sites_full", "blocking calls without a stack",
				tape_random(t, 4) ? 3 : t->spans),
		     0);
}

static inline void tape_tasks(struct tape *t, size_t n)
{
	_Alignas(8) struct ls_frame frames[3] = { { FETCH_ROW, 31 }, { HANDLER, 14 }, { TICK, 6 } };
	struct model_task *tasks = calloc(n + 1, sizeof(*tasks));
	char names[8][16];
	size_t n_tasks = 0;

	cr_assert_not_null(tasks);
	for (size_t i = 0; i < 8; i++)
		snprintf(names[i], sizeof(names[i]), "Task-%zu", i);
	for (size_t i = 0; i < n; i++) {
		struct model_task *task = &tasks[n_tasks];

		if (tape_random(t, 10) == 0)
			continue;
		n_tasks++;
		*task = (struct model_task){
			.pid = PID,
			.tid = TID,
			.task = 0x7000 + 64 * i,
			.awaited_by = i % 5 ? 0 : 0x7000,
			.code = HANDLER,
			.state = tape_random(t, 20) ? MODEL_TASK_WAITING : MODEL_TASK_READY,
			.name = names[tape_random(t, 20) ? i % 8 : 0],
			.waits_for = i % 2 ? "Future" : "",
			.n_frames = tape_random(t, 20) ? 2 : 3,
			.frames = frames,
			.stats = { .coro = i, .steps = tape_random(t, 3) ? 7 : t->spans },
		};
	}
	cr_assert_eq(feed__tasks(&t->feed, t->clock.now_ns, tasks, n_tasks, n), 0);
	free(tasks);
}

static inline void tape_live(struct tape *t)
{
	const struct ls_frame frames[2] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	struct model_live live = {
		.stall = script_stall(&t->clock, 1, LS_UNIT_STEP),
		.cause = LS_CAUSE_SLEEP,
		.syscall = 230,
		.n_frames = tape_random(t, 3),
		.frames = frames,
		.n_holder_frames = (uint32_t)tape_random(t, 3),
		.holder_frames = frames,
		.n_victim_names = (uint32_t)tape_random(t, MODEL_LIVE_VICTIMS),
	};

	live.stall.start_ns = t->clock.now_ns / TAPE_SECOND * TAPE_SECOND;
	script_time(&live.stall, tape_random(t, 2) ? LS_CAUSE_SLEEP : LS_CAUSE_GIL,
		    t->clock.now_ns - live.stall.start_ns);
	live.stall.from = tape_await(t, 2);
	live.stall.gil_holder_tstate = 1;
	live.stall.gil_holder_id = TID;
	strcpy(live.stall.gil_holder_name, "pool_7");
	live.stall.lock_holder_id = TID;
	live.stall.lock_known = (uint32_t)tape_random(t, LS_LOCK_MAX);
	strcpy(live.stall.lock_holder_name, "keeper_7");
	tape_request(t, &live.stall);
	live.stall.victims = 9;
	for (size_t i = 0; i < live.n_victim_names; i++)
		live.victim_names[i] =
			(struct ls_pystr){ .number = tape_random(t, 100), .ascii = 1 };
	cr_assert_eq(feed__live(&t->feed, &live, tape_random(t, 2)), 0);
}

static inline void tape_pools(struct tape *t)
{
	struct pool pools[2] = {
		{ .kind = POOL_EXECUTOR,
		  .object = 0x7000,
		  .name = "reports",
		  .size = 3,
		  .busy = (uint32_t)tape_random(t, 4),
		  .waiting = (uint32_t)tape_random(t, 9),
		  .n_places = 1,
		  .places = { { { 0x5000, 3 }, 2 } } },
		{ .kind = POOL_CONNECTIONS, .object = 0x8000, .size = 1, .busy = 1, .waiting = 2 },
	};

	cr_assert_eq(feed__pools(&t->feed, t->clock.now_ns, PID, pools, tape_random(t, 3)), 0);
}

static inline void tape_lives(struct tape *t)
{
	struct life_group groups[3] = {
		{ .kind = LIFE_ALIVE,
		  .key = 0x1234567890abcdefULL,
		  .code = 0x5000,
		  .n_frames = 2,
		  .frames = { { 0x5000, 3 }, { 0x5100, 4 } },
		  .type = "Future",
		  .origin = { .line = 12, .file = "/srv/app.py", .function = "start" },
		  .count = (uint32_t)tape_random(t, 400),
		  .unawaited = 3,
		  .ended = (uint32_t)tape_random(t, 2),
		  .since_ns = t->clock.now_ns / 2 },
		{ .kind = LIFE_CANCELLED,
		  .key = 2,
		  .code = 0x5000,
		  .count = 1,
		  .is_outside = true,
		  .since_ns = t->clock.now_ns / 3 },
		{ .kind = LIFE_DEADLOCK,
		  .key = 3,
		  .code = 0x5000,
		  .other_code = 0x5100,
		  .count = 2,
		  .since_ns = t->clock.now_ns },
	};

	cr_assert_eq(feed__lives(&t->feed, t->clock.now_ns, PID, groups, tape_random(t, 4)), 0);
}

/* A quarter of a second in which everything happens that can. */
static inline void tape_round(struct tape *t, uint64_t stalls)
{
	const struct model_loop_info info = { .process = "uvicorn",
					      .tasks_ready = (uint32_t)tape_random(t, 3),
					      .executor_threads = 4,
					      .executor_max = 8,
					      .container_pid = 7 };

	tape_pass(t, 200 * MS);
	for (uint64_t i = 0; i < stalls; i++)
		tape_stall(t);
	tape_read(t, 100);
	cr_assert_eq(feed__loop(&t->feed, PID, TID, &info), 0);
	tape_live(t);
	tape_pools(t);
	tape_lives(t);
	tape_tasks(t, 30);
	if (tape_random(t, 6) == 0)
		cr_assert_eq(feed__log(&t->feed, t->clock.now_ns, LOG_GRADE_WARNING, PID,
				       "something with \xc3\xa4 in it"),
			     0);
	tape_pass(t, 50 * MS);
	if (tape_random(t, 4) == 0)
		cr_assert_eq(feed__tick(&t->feed, t->clock.now_ns), 0);
}

static inline void tape_life(struct tape *t, enum ls_rec_kind kind, uint32_t tid)
{
	struct ls_rec_life rec = { .hdr = script_header(&t->clock, (uint16_t)kind, sizeof(rec)) };

	rec.hdr.tid = tid;
	tape_send(t, &rec, sizeof(rec));
}

/* Closes the recording; the model stays. */
static inline void tape_end(struct tape *t)
{
	cr_assert_eq(recorder__close(t->feed.recorder), 0);
}

static inline void tape_done(struct tape *t)
{
	char older[80];

	model__free(t->feed.model);
	recorder__free(t->feed.recorder);
	unlink(t->path);
	for (int i = 1;; i++) {
		snprintf(older, sizeof(older), "%s.%d", t->path, i);
		if (unlink(older))
			break;
	}
}

/* All of a file, in a new model. */
struct replay {
	struct player *player;
	struct model *model;
};

static inline void replay_begin(struct replay *r, const char *path)
{
	struct resolver resolver;
	struct err err = {};

	cr_assert_eq(player__open(&r->player, path, &err), 0, "%s", err.what);
	resolver = player__resolver(r->player);
	cr_assert_eq(model__new(&r->model, &resolver, NULL, NULL), 0);
}

static inline void replay_all(struct replay *r)
{
	int n;

	while ((n = player__next(r->player, r->model, NULL)) > 0)
		;
	cr_assert_eq(n, 0, "the player says %d", n);
}

static inline void replay_done(struct replay *r)
{
	model__free(r->model);
	player__free(r->player);
}

/* The file gives what the live model has. */
static inline void tape_expect_same(struct tape *t, const char *path)
{
	char *live = dump_snapshot(t->feed.model), *replayed;
	struct replay r;

	replay_begin(&r, path);
	replay_all(&r);
	cr_expect_null(player__damage(r.player), "%s", player__damage(r.player));
	replayed = dump_snapshot(r.model);
	dump_expect_same(replayed, live);
	free(live);
	free(replayed);
	replay_done(&r);
}

static inline uint8_t *tape_bytes(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	struct stat st;

	cr_assert_not_null(f);
	cr_assert_eq(fstat(fileno(f), &st), 0);
	data = malloc((size_t)st.st_size + 1);
	cr_assert_not_null(data);
	*ret_n = fread(data, 1, (size_t)st.st_size, f);
	fclose(f);
	return data;
}

static inline void tape_write(const char *path, const uint8_t *data, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f);
	cr_assert_eq(fwrite(data, 1, n, f), n);
	cr_assert_eq(fclose(f), 0);
}

#endif
