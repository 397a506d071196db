/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See serve.h: the sink that feeds the registry, and what is read when it is asked for.
 */
#include "serve/serve_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "process/identity.h"
#include "process/target.h"

/* Requests answered in one turn of the session; further ones wait in the socket. */
#define REQUESTS_PER_TURN 16

static const struct sum_ops sum_ops = {
	.thread = (int (*)(void *, const struct thread_sum *))registry__add_thread,
	.coroutine = (int (*)(void *, const struct coroutine_sum *))registry__add_coroutine,
};

static bool is_alive(void *ctx, pid_t pid)
{
	return session__is_watched(ctx, pid);
}

static int run_pass(struct serve *v, bool is_folding)
{
	int r;

	registry__begin_pass(v->registry, is_folding);
	r = model__each_sum(session__model(v->session), &sum_ops, v->registry);
	registry__end_pass(v->registry);
	registry__forget_ended(v->registry, is_alive, v->session);
	return r;
}

/* The sink */

static int on_process(void *ctx, const struct target *target)
{
	struct serve *v = ctx;
	struct identity identity;

	identity__read(&identity, target);
	return registry__add_process(v->registry, target->pid, &identity);
}

static int on_stall(void *ctx, const struct stall *stall)
{
	struct serve *v = ctx;
	int r;

	v->n_stalls += stall->end != LS_END_OPEN;
	r = registry__add_stall(v->registry, stall);
	if (r >= 0)
		serve__export_stall(v, stall);
	return r < 0 ? r : profiles__add_stall(&v->profiles, stall);
}

static int on_before_tick(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	return run_pass(ctx, true);
}

/* What is read on request */

static int add_process(void *ctx, const struct session_process *process)
{
	struct serve *v = ctx;
	const pid_t pid = process->target->pid;
	const struct process_now now = { (uint32_t)process->loops, process->is_light,
					 process->tasks };
	int r;

	if (!process->loop)
		return 0;
	r = registry__describe_process(v->registry, pid, &now);
	if (r < 0)
		return r;
	if (ARRAY_RESERVE(v->processes, v->size, v->n_processes + 1) < 0)
		return -ENOMEM;
	v->processes[v->n_processes++] = (struct metrics_process){
		.pid = pid,
		.service = registry__service(v->registry, pid),
		.python = process->target->version,
		.loop = process->loop,
		.is_light = process->is_light,
	};
	return 0;
}

static void set_running(struct serve *v, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_live; i++)
		registry__set_running(v->registry, &snapshot->live[i]);
	/* Those of processes that have ended are kept for the findings. */
	for (size_t i = 0; i < snapshot->n_pools; i++)
		if (is_alive(v->session, (pid_t)snapshot->pools[i].pid))
			registry__add_pool(v->registry, &snapshot->pools[i]);
}

int serve__refresh(struct serve *v, const struct snapshot **ret_snapshot)
{
	struct session *s = v->session;
	const uint64_t now_ns = session__now_ns(s);
	int r = 0;

	if (!v->refreshed_ns || now_ns - v->refreshed_ns >= SERVE_REFRESH_NS) {
		r = session__read_last(s, now_ns);
		if (r >= 0)
			r = session__read_spans(s, now_ns, session__threshold_ns(s));
		v->refreshed_ns = now_ns;
	}
	if (r >= 0)
		r = run_pass(v, false);
	if (r >= 0)
		r = model__snapshot(session__model(s), ret_snapshot);
	if (r < 0)
		return r;
	for (size_t i = 0; i < (*ret_snapshot)->n_losses; i++)
		registry__set_loss(v->registry, (*ret_snapshot)->losses[i].name,
				   (*ret_snapshot)->losses[i].count);
	v->n_processes = 0;
	r = session__each_process(s, add_process, v);
	set_running(v, *ret_snapshot);
	return r;
}

static int on_requests(void *ctx)
{
	struct serve *v = ctx;
	struct http_request request;

	for (size_t i = 0; i < REQUESTS_PER_TURN; i++) {
		if (http_server__next(v->server, &request) < 0)
			break;
		serve__request(v, &request);
	}
	return 0;
}

static int begin(void *ctx)
{
	struct serve *v = ctx;

	int r = serve__begin_exports(v);

	loop__add_timer(session__loop(v->session), &v->profile_timer);
	if (r < 0 || !v->server)
		return r;
	v->requests =
		(struct loop_fd){ .fd = http_server__fd(v->server), .fn = on_requests, .ctx = v };
	return loop__add_fd(session__loop(v->session), &v->requests, EPOLLIN);
}

static const struct sink_ops ops = {
	.process = on_process,
	.begin = begin,
	.stall = on_stall,
	.before_tick = on_before_tick,
};

int serve__new(struct serve **ret_serve, struct session *s, const struct serve_outlet *outlet,
	       const struct serve_opts *opts)
{
	_cleanup_(serve__freep) struct serve *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->opts = *opts;
	v->outlet = *outlet;
	v->session = s;
	r = registry__new(&v->registry, opts->max_series);
	if (r < 0)
		return r;
	v->registry->clock_offset_ns = opts->clock_offset_ns;
	uname(&v->machine);
	v->profile_timer =
		(struct timer){ .due_ns = TIMER_NEVER, .fn = serve__finish_profiles, .ctx = v };
	v->sink = (struct sink){
		.ops = &ops, .ctx = v, .outlives_targets = true, .lists_stalls = true
	};
	session__add_sink(s, &v->sink);
	*ret_serve = TAKE_PTR(v);
	return 0;
}

void serve__set_server(struct serve *v, struct http_server *server)
{
	v->server = server;
}

void serve__set_sender(struct serve *v, struct otlp_sender *sender, uint64_t interval_ns)
{
	v->exports.sender = sender;
	v->exports.interval_ns = interval_ns;
}

void serve__free(struct serve *v)
{
	if (!v)
		return;
	registry__free(v->registry);
	profiles__done(&v->profiles);
	protobuf__done(&v->exports.logs);
	for (size_t i = 0; i < N_OF(v->metrics); i++)
		free(v->metrics[i].text);
	free(v->snapshot.text);
	free(v->page.text);
	free(v->processes);
	free(v);
}
