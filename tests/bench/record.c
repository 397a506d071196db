/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording costs: bytes and CPU time of the recorder for each second measured, and how fast
 * it is replayed. The inputs are made up, with the rates of a service of 40 coroutines that does 50
 * 000 steps in a second and is read four times in it; and the same with a ring of ten minutes.
 * `record-bench FILE [SECONDS]`; FILE is replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/feed.h"
#include "record/player.h"
#include "record/ring_copy.h"
#include "stream/pystr.h"

#define SECOND_NS 1000000000ULL
#define PID 4242
#define TID 4242
#define N_COROUTINES 40
#define N_PLACES 30 /* lines that stall */
#define DEPTH 12

struct load {
	const char *name;
	uint64_t steps_per_s;
	unsigned int stalls_per_s;
	size_t tasks;
};

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % n;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static void must(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s\n", strerror(-r));
	exit(1);
}

static int say_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
		    struct code_info *ret)
{
	static const char *const names[] = { "Service.handler", "Pool.fetch_row", "render_page",
					     "Cache.get" };

	(void)ctx;
	(void)pid;
	(void)qualname;
	*ret = (struct code_info){ names[code / 0x400 % 4], "/srv/app/service/views.py",
				   (uint32_t)code };
	return 0;
}

static uint32_t say_line(void *ctx, uint32_t pid, const struct ls_frame *frame)
{
	(void)ctx;
	(void)pid;
	return (uint32_t)frame->position % 1000;
}

static const char *say_native(void *ctx, uint32_t pid, uint64_t ip)
{
	(void)ctx;
	(void)pid;
	(void)ip;
	return "libc.so.6:clock_nanosleep";
}

static const char *say_syscall(void *ctx, uint16_t number)
{
	(void)ctx;
	return number == LS_NO_SYSCALL ? NULL : "clock_nanosleep";
}

static uint32_t say_thread(void *ctx, uint32_t pid, uint64_t tstate, uint64_t id)
{
	(void)ctx;
	(void)pid;
	(void)tstate;
	return (uint32_t)id;
}

static const struct resolver_ops ops = { say_code, say_line, say_native, say_syscall, say_thread };

struct service {
	struct feed feed;
	uint64_t span;
	struct ls_coro_stats coroutines[N_COROUTINES];
	struct ls_thread_stats thread;
};

static uint64_t code_of(uint64_t i)
{
	return 0x7f3a5c000000 + i * 0x400;
}

static void send(struct service *s, struct ls_rec_hdr *hdr, enum ls_rec_kind kind, size_t size)
{
	struct event event;

	hdr->kind = (uint16_t)kind;
	hdr->len = (uint16_t)size;
	hdr->ts_ns = s->feed.now_ns;
	hdr->tgid = PID;
	hdr->tid = TID;
	must(event__decode(hdr, size, &event));
	must(feed__event(&s->feed, &event));
}

static void send_stack(struct service *s, uint64_t place, uint64_t ns)
{
	struct ls_rec_stack rec = { .span = s->span,
				    .weight_ns = ns,
				    .count = 1,
				    .cause = LS_CAUSE_SLEEP,
				    .syscall = 230,
				    .native_ip = 0x7f3a60001234,
				    .flags = LS_STACK_AT_CORO,
				    .n_frames = DEPTH };

	for (uint64_t i = 0; i < DEPTH; i++)
		rec.frames[i] =
			(struct ls_frame){ code_of(place + i), code_of(place + i) + 200 + 2 * i };
	send(s, &rec.hdr, LS_REC_STACK,
	     offsetof(struct ls_rec_stack, frames) + DEPTH * sizeof(struct ls_frame));
}

static struct ls_pystr task_name(uint64_t number)
{
	struct ls_pystr name = { .kind = 1, .ascii = 1 };

	name.copied = (uint16_t)snprintf((char *)name.data, sizeof(name.data), "Task-%llu",
					 (unsigned long long)number);
	name.length = name.copied;
	return name;
}

static void send_stall(struct service *s)
{
	const uint64_t ns = 10000000 + random_below(40000000), place = random_below(N_PLACES);
	struct ls_rec_stall rec = { .start_ns = s->feed.now_ns - ns,
				    .duration_ns = ns,
				    .loop = 0x7f3a5b001000,
				    .task = 0x7f3a5a000000 + 0x100 * random_below(200),
				    .code = code_of(place + DEPTH - 1),
				    .victims = 3,
				    .unit = LS_UNIT_STEP,
				    .samples = 1,
				    .name = task_name(s->span) };

	rec.span = ++s->span;
	rec.cause_ns[LS_CAUSE_SLEEP] = ns - 12345;
	rec.cause_ns[LS_CAUSE_CPU] = 12345;
	rec.starved_ns = 3 * ns / 2;
	send_stack(s, place, ns - 12345);
	send_stack(s, place, 12345);
	for (uint64_t i = 0; i < 3; i++) {
		struct ls_rec_victim victim = { .span = s->span,
						.task = rec.task + 0x100 * (i + 1),
						.code = code_of(i),
						.starved_ns = ns / 2,
						.name = task_name(s->span + i + 1) };

		send(s, &victim.hdr, LS_REC_VICTIM, sizeof(victim));
	}
	send(s, &rec.hdr, LS_REC_STALL, sizeof(rec));
}

static void read_all(struct service *s, const struct load *load)
{
	for (uint32_t i = 0; i < N_COROUTINES; i++) {
		const struct ls_coro_key key = { .code = code_of(i), .tgid = PID, .tid = TID };
		struct ls_coro_stats *c = &s->coroutines[i];
		/* Some are called much, some hardly. */
		const uint64_t steps = load->steps_per_s / 4 / N_COROUTINES / (1 + i % 4);

		c->key = key;
		for (uint64_t j = 0; j < steps; j += 1 + steps / 30) {
			const uint64_t ns = 2000 + random_below(20000) + 1000 * i;

			c->hist[ls_hist_index(ns)] += (uint32_t)(1 + steps / 30);
			c->steps += 1 + steps / 30;
			c->total_ns += ns * (1 + steps / 30);
			c->cause_ns[LS_CAUSE_RUNQUEUE] += ns / 50;
		}
		s->thread.steps += steps;
		s->thread.step_ns += steps * 12000;
		must(feed__coroutine(&s->feed, &key, c));
	}
	s->thread.turns += load->steps_per_s / 8;
	s->thread.idle_ns += SECOND_NS / 8 + random_below(1000000);
	for (int i = 0; i < 40; i++)
		s->thread.turn_hist[ls_hist_index(5000 + random_below(200000))] +=
			(uint32_t)load->steps_per_s / 320;
	must(feed__thread(&s->feed, PID, TID, &s->thread));
	must(feed__loss(&s->feed, "return_unseen", "returns to a CPU that were not reported",
			s->span / 100));
}

static void read_tasks(struct service *s, size_t n)
{
	static struct ls_frame frames[3] = { { 0x7f3a5c000400, 7 },
					     { 0x7f3a5c000800, 9 },
					     { 0x7f3a5c000c00, 3 } };
	struct model_task *tasks = calloc(n + 1, sizeof(*tasks));
	static char names[20000][16];

	if (!tasks)
		must(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		if (!*names[i] || random_below(20) == 0)
			snprintf(names[i], sizeof(names[i]), "Task-%u",
				 (unsigned int)random_below(1000000));
		tasks[i] = (struct model_task){ .pid = PID,
						.tid = TID,
						.task = 0x7f3a5a000000 + 0x100 * i,
						.code = code_of(i % N_COROUTINES),
						.name = names[i],
						.waits_for = "Future",
						.n_frames = 1 + i % 3,
						.frames = frames,
						.state = random_below(10) ? MODEL_TASK_WAITING :
									    MODEL_TASK_READY };
	}
	must(feed__tasks(&s->feed, s->feed.now_ns, tasks, n, n));
	free(tasks);
}

/* What the model and the making up cost is measured by doing it once without a recorder. */
static uint64_t run(struct service *s, const struct load *load, unsigned int seconds)
{
	const uint64_t before_ns = cpu_ns();

	random_state = 1;
	s->feed.now_ns = 86400 * SECOND_NS;
	for (uint64_t quarter = 0; quarter < 4ULL * seconds; quarter++) {
		for (unsigned int i = 0; i < load->stalls_per_s / 4; i++) {
			s->feed.now_ns += SECOND_NS / 4 / (load->stalls_per_s / 4 + 1);
			send_stall(s);
		}
		s->feed.now_ns = 86400 * SECOND_NS + (quarter + 1) * SECOND_NS / 4;
		read_all(s, load);
		for (int i = 0; i < 5; i++)
			must(feed__live(&s->feed, NULL, 0));
		if (quarter % 4 == 3) {
			read_tasks(s, load->tasks);
			must(feed__tick(&s->feed, s->feed.now_ns));
		}
	}
	return cpu_ns() - before_ns;
}

static void replay(const char *path, unsigned int seconds)
{
	const uint64_t before_ns = cpu_ns();
	struct resolver resolver;
	struct player *p;
	struct model *m;
	uint64_t n = 0;
	double took_s;
	int r;

	must(player__open(&p, path, NULL));
	resolver = player__resolver(p);
	must(model__new(&m, &resolver, NULL, NULL));
	while ((r = player__next(p, m, NULL)) > 0)
		n++;
	must(r);
	took_s = (double)(cpu_ns() - before_ns) / 1e9;
	printf("  replayed %llu inputs in %.3f s: %.0f times real time\n", (unsigned long long)n,
	       took_s, seconds / took_s);
	model__free(m);
	player__free(p);
}

static void measure(const char *path, const struct load *load, unsigned int seconds)
{
	const struct recorder_opts opts = { .path = path, .may_replace = true };
	const struct resolver inner = { &ops, NULL };
	static struct service plain, recorded;
	uint64_t without_ns, with_ns;
	struct resolver resolver;

	memset(&plain, 0, sizeof(plain));
	memset(&recorded, 0, sizeof(recorded));
	must(model__new(&plain.feed.model, &inner, NULL, NULL));
	without_ns = run(&plain, load, seconds);
	model__free(plain.feed.model);
	must(recorder__new(&recorded.feed.recorder, &opts, &(struct meta){}, &inner, NULL));
	resolver = recorder__resolver(recorded.feed.recorder);
	must(model__new(&recorded.feed.model, &resolver, NULL, NULL));
	with_ns = run(&recorded, load, seconds);
	must(recorder__close(recorded.feed.recorder));
	printf("%-24s %6.1f KB/s, recorder %.2f %% of a core\n", load->name,
	       (double)recorder__bytes(recorded.feed.recorder) / seconds / 1e3,
	       with_ns > without_ns ? (double)(with_ns - without_ns) / 1e7 / seconds : 0);
	model__free(recorded.feed.model);
	recorder__free(recorded.feed.recorder);
	replay(path, seconds);
}

static void write_ring(struct recorder *rec, const char *path)
{
	const uint64_t before_ns = cpu_ns();
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct ring_copy *copy;

	must(fd < 0 ? -errno : 0);
	must(recorder__copy(rec, 0, NULL, NULL, &copy));
	must(ring_copy__write(copy, fd));
	printf("  written in %.1f ms of CPU time\n", (double)(cpu_ns() - before_ns) / 1e6);
	ring_copy__free(copy);
	close(fd);
}

/* The ring is full after ten minutes and goes on for as long. */
static void measure_ring(const char *path, const struct load *load)
{
	const struct recorder_opts opts = { .ring_ns = 600 * SECOND_NS, .max_bytes = 64U << 20 };
	const struct resolver inner = { &ops, NULL };
	static struct service s;
	struct resolver resolver;

	memset(&s, 0, sizeof(s));
	must(recorder__new(&s.feed.recorder, &opts, &(struct meta){}, &inner, NULL));
	resolver = recorder__resolver(s.feed.recorder);
	must(model__new(&s.feed.model, &resolver, NULL, NULL));
	run(&s, load, 1200);
	printf("%-24s ring of 10 minutes: %.2f MB\n", load->name,
	       (double)recorder__ring_bytes(s.feed.recorder) / 1e6);
	write_ring(s.feed.recorder, path);
	model__free(s.feed.model);
	recorder__free(s.feed.recorder);
	replay(path, 600);
}

int main(int argc, char **argv)
{
	static const struct load loads[] = {
		{ "idle", 0, 0, 20 },
		{ "quiet, 500 steps/s", 500, 0, 20 },
		{ "busy, 50 000 steps/s", 50000, 4, 200 },
		{ "storm, 100 stalls/s", 50000, 100, 200 },
		{ "10 000 tasks", 50000, 4, 10000 },
	};
	const int seconds = argc > 2 ? atoi(argv[2]) : 120;

	if (argc < 2 || seconds < 1)
		return 2;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		measure(argv[1], &loads[i], (unsigned int)seconds);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		measure_ring(argv[1], &loads[i]);
	remove(argv[1]);
	return 0;
}
