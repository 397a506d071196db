/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A measurement that runs: reads the kernel side and the processes at its pace, asks often whether a loop is stuck.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/dashboard_impl.h"
#include "app/session_impl.h"
#include "app/source.h"
#include "base/escape.h"
#include "report/format.h"

/* A loop that is stuck is shown once it has been so this long, and asked as often: so within twice that. */
#define STUCK_NS 50000000ULL
#define LIVE_PACE_NS 45000000ULL
#define DEFAULT_REFRESH_NS (SECOND_NS / 4)

/* What + and - and the threshold's keys choose from. */
static const uint64_t paces_ns[] = { SECOND_NS / 10, SECOND_NS / 4, SECOND_NS / 2, SECOND_NS,
				     2 * SECOND_NS,  5 * SECOND_NS, 10 * SECOND_NS };
static const uint64_t thresholds_ns[] = { 100000,    200000,	    500000,	   1000000,
					  2000000,   5000000,	    10000000,	   20000000,
					  50000000,  100000000,	    200000000,	   500000000,
					  SECOND_NS, 2 * SECOND_NS, 5 * SECOND_NS, 10 * SECOND_NS };

struct live {
	struct dashboard dashboard;
	struct session *session;
	uint64_t refresh_ns;
	uint64_t read_due_ns, live_due_ns;
	/* When our own cost was read last, and what it was then. */
	uint64_t read_at_ns;
	struct own_cost cost_at_read;
	struct view_cost cost;
	bool has_live; /* a loop was stuck at the last look */
	char targets[512];
};

static struct model *live_model(void *ctx)
{
	return ((struct live *)ctx)->session->model;
}

static const char *live_mode(void *ctx)
{
	return cli_mode_word(((struct live *)ctx)->session->config->mode);
}

/* "uvicorn 4242  CPython 3.11.2, asyncio, exact (entry)  +1 more" */
static void describe_targets(struct live *l)
{
	const struct session *s = l->session;
	const struct watch *w = s->watches[0];
	size_t n_shown = 0;
	char raw[sizeof(l->targets)];
	char cgroup[FORMAT_CGROUP_BYTES];
	size_t used = 0;

	/* The first that still runs speaks for all; one with a loop has more to say than one without. */
	for (size_t i = 0; i < s->n_watches; i++) {
		const struct watch *other = s->watches[i];

		n_shown += watch__is_shown(other);
		if (watch__is_shown(other) && !other->is_gone && (w->is_gone || (!w->n_loops && other->n_loops)))
			w = other;
	}
	used = (size_t)snprintf(raw, sizeof(raw), "%s %d",
				w->target		   ? w->target->comm :
					s->config->command ? s->config->command[0] :
							     "?",
				w->pid);
	if (w->target && used < sizeof(raw))
		used += (size_t)snprintf(
			raw + used, sizeof(raw) - used, "  CPython %s, %s, %s (%s)", w->target->python,
			watch__loop_word(w) ?: "no loop yet", session__mode_word(s, w),
			target_rung_word(w->target->rung));
	if (w->target && w->target->is_container && used < sizeof(raw))
		used += (size_t)snprintf(raw + used, sizeof(raw) - used, "  container %s (pid %d there)",
					 format__cgroup(w->target->cgroup, cgroup), w->target->ns_pid);
	if (n_shown > 1 && used < sizeof(raw))
		used += (size_t)snprintf(raw + used, sizeof(raw) - used, "  +%zu more",
					 n_shown - 1);
	if (w->is_gone && used < sizeof(raw))
		snprintf(raw + used, sizeof(raw) - used, "  has ended");
	text__escape(raw, l->targets, sizeof(l->targets));
}

/* A row may stand for several processes: one that has the file is enough. */
static int find_source_line(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf,
			    size_t size)
{
	const struct session *s = ctx;
	int r = -ENOENT;

	if (pid)
		return source_line((pid_t)pid, file, line, buf, size);
	for (size_t i = 0; r < 0 && i < s->n_watches; i++)
		r = source_line(s->watches[i]->pid, file, line, buf, size);
	return r;
}

static void live_status(void *ctx, uint64_t now_ns, struct view_status *status)
{
	struct live *l = ctx;

	describe_targets(l);
	*status = (struct view_status){
		.targets = l->targets,
		.now_ns = now_ns,
		.started_ns = l->session->started_ns,
		.threshold_ns = l->session->threshold_ns,
		.refresh_ns = l->refresh_ns,
		.cost = l->cost,
		.own_rss_bytes = session_own_rss_bytes(),
		.source_line = find_source_line,
		.source_ctx = l->session,
	};
}

/* Of one core since the last time. An estimate of all runs may come out a little less than before. */
static double share_of(uint64_t now, uint64_t before, uint64_t passed_ns)
{
	return now > before ? (double)(now - before) / (double)passed_ns : 0;
}

static void measure_self(struct live *l, uint64_t now_ns)
{
	const struct own_cost now = session__own_cost(l->session), *before = &l->cost_at_read;
	const uint64_t passed_ns = now_ns - l->read_at_ns;

	if (l->read_at_ns && now_ns > l->read_at_ns)
		l->cost = (struct view_cost){
			.programs = share_of(now.programs_ns, before->programs_ns, passed_ns),
			.traps = share_of(now.traps_ns, before->traps_ns, passed_ns),
			.self = share_of(now.self_ns, before->self_ns, passed_ns),
			.is_known = true,
		};
	l->read_at_ns = now_ns;
	l->cost_at_read = now;
}

static int read_if_due(struct live *l, uint64_t now_ns)
{
	int r;

	if (now_ns < l->read_due_ns)
		return 0;
	l->dashboard.is_stale = true;
	r = session__read(l->session, now_ns);
	measure_self(l, now_ns);
	if (r >= 0)
		r = session__count_tasks(l->session, view__wants_tasks(l->dashboard.view));
	if (r >= 0 && l->session->is_counting_tasks)
		r = session__read_tasks(l->session, now_ns);
	return r;
}

static int look_for_stuck(struct live *l, uint64_t now_ns)
{
	const uint64_t threshold_ns = l->session->threshold_ns;
	int n;

	if (now_ns < l->live_due_ns)
		return 0;
	n = session__read_live(l->session, now_ns, threshold_ns > STUCK_NS ? threshold_ns : STUCK_NS);
	if (n < 0)
		return n;
	/* Once more when it is over. */
	if (n > 0 || l->has_live)
		l->dashboard.is_stale = true;
	l->has_live = n > 0;
	return 0;
}

static int on_turn(void *ctx, uint64_t now_ns, uint64_t *ret_due_ns)
{
	struct live *l = ctx;
	const bool is_read = now_ns >= l->read_due_ns, is_looked = now_ns >= l->live_due_ns;
	const uint64_t before_ns = session_own_cpu_ns();
	uint64_t cost_ns;
	int r;

	r = read_if_due(l, now_ns);
	if (r >= 0)
		r = look_for_stuck(l, now_ns);
	if (r >= 0)
		r = dashboard__draw(&l->dashboard, now_ns);
	/* What is seen is drawn: that is part of its price. */
	cost_ns = session_own_cpu_ns() - before_ns;
	if (is_read)
		l->read_due_ns = session_next_due_ns(now_ns, l->refresh_ns, cost_ns);
	if (is_looked)
		l->live_due_ns = session_next_due_ns(now_ns, LIVE_PACE_NS, cost_ns);
	*ret_due_ns = l->read_due_ns < l->live_due_ns ? l->read_due_ns : l->live_due_ns;
	return r;
}

static int on_input(void *ctx)
{
	struct live *l = ctx;
	int r = dashboard__input(&l->dashboard);

	if (l->dashboard.is_over)
		session__stop(l->session);
	/* A screen that shows tasks does not wait for the next refresh. */
	if (view__wants_tasks(l->dashboard.view) != l->session->is_counting_tasks)
		l->read_due_ns = 0;
	return r;
}

/* Stalls that are still known; newest first there, oldest first here. */
static int live_report(void *ctx, struct report *report, const struct snapshot *snapshot)
{
	const struct live *l = ctx;
	int r = session__write_start(l->session, report);

	for (size_t i = snapshot->n_stalls; r >= 0 && i-- > 0;)
		r = report__stall(report, snapshot->stall_list[i]);
	return r < 0 ? r : session__write_summary(l->session, report, snapshot);
}

static int live_edit(void *ctx, const char *file, uint32_t line, struct err *err)
{
	const struct session *s = ((struct live *)ctx)->session;
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < s->n_watches; i++)
		r = source_edit(s->watches[i]->pid, file, line, err);
	return r;
}

static void change_refresh(struct live *l, int direction)
{
	l->refresh_ns = dashboard_next_of(paces_ns, N_OF(paces_ns), l->refresh_ns, direction);
	l->read_due_ns = 0;
	dashboard__tell(&l->dashboard, "refreshed every %.3g s", (double)l->refresh_ns / 1e9);
}

static void change_threshold(struct live *l, int direction)
{
	const uint64_t threshold_ns = dashboard_next_of(thresholds_ns, N_OF(thresholds_ns),
							l->session->threshold_ns, direction);
	int r = session__set_threshold(l->session, threshold_ns);

	if (r < 0) {
		dashboard__tell(&l->dashboard, "cannot change the threshold: %s", strerror(-r));
		return;
	}
	session__note(l->session, LOG_GRADE_INFO, 0, "the threshold is %.3g ms from here on",
		      (double)threshold_ns / 1e6);
	dashboard__tell(&l->dashboard, "a stall is what lasts at least %.3g ms from here on",
			(double)threshold_ns / 1e6);
}

static void reset(struct live *l)
{
	/* Its failure is that of a recorder, which comes back with the next input. */
	feed__reset(&l->session->feed);
	session__note(l->session, LOG_GRADE_INFO, 0, "counting begins anew");
	l->read_due_ns = 0;
	dashboard__tell(&l->dashboard, "counting begins anew");
}

static void live_fulfil(struct dashboard *d, enum view_request request)
{
	struct live *l = d->ctx;

	switch (request) {
	case VIEW_RESET:
		reset(l);
		break;
	case VIEW_FASTER:
		change_refresh(l, -1);
		break;
	case VIEW_SLOWER:
		change_refresh(l, 1);
		break;
	case VIEW_THRESHOLD_UP:
		change_threshold(l, 1);
		break;
	case VIEW_THRESHOLD_DOWN:
		change_threshold(l, -1);
		break;
	default:
		break;
	}
}

static const struct dashboard_source source = {
	.model = live_model,
	.mode = live_mode,
	.status = live_status,
	.fulfil = live_fulfil,
	.report = live_report,
	.edit = live_edit,
};

int dashboard_run(struct session *s, struct err *err)
{
	struct live l = { .session = s, .refresh_ns = s->config->refresh_ns ?: DEFAULT_REFRESH_NS };
	const struct session_front front = {
		.ctx = &l, .input_fd = STDIN_FILENO, .on_input = on_input, .on_turn = on_turn
	};
	int r;

	r = dashboard__open(&l.dashboard, s->config, &source, &l, err);
	if (r >= 0) {
		session__set_front(s, &front);
		r = session__run(s, err);
	}
	dashboard__close(&l.dashboard);
	return r;
}
