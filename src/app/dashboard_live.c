/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard of a running measurement: reads the kernel side and the processes at the refresh
 * rate, and checks more often which stalls are open.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/dashboard_impl.h"
#include "app/source.h"
#include "base/escape.h"
#include "base/time.h"
#include "session/sink_report.h"
#include "session/watchdog.h"
#include "view/screen.h"

/*
 * A stall that has been open this long is shown. The check runs at the same interval, so it is
 * shown within twice that time.
 */
#define OPEN_NS (50 * NS_PER_MS)
#define LIVE_PACE_NS (45 * NS_PER_MS)
#define DEFAULT_REFRESH_NS (NS_PER_S / 4)

/* The steps of the keys for refresh rate and threshold. */
static const uint64_t paces_ns[] = { NS_PER_S / 10, NS_PER_S / 4, NS_PER_S / 2, NS_PER_S,
				     2 * NS_PER_S,  5 * NS_PER_S, 10 * NS_PER_S };
static const uint64_t thresholds_ns[] = { 100000,   200000,	  500000,	1000000,
					  2000000,  5000000,	  10000000,	20000000,
					  50000000, 100000000,	  200000000,	500000000,
					  NS_PER_S, 2 * NS_PER_S, 5 * NS_PER_S, 10 * NS_PER_S };

struct live {
	struct dashboard dashboard;
	struct session *session;
	uint64_t refresh_ns;
	struct timer timer; /* the earlier of these */
	uint64_t read_due_ns, live_due_ns;
	struct loop_fd input, reader;
	/* When our own cost was read last, and what it was then. */
	uint64_t read_at_ns;
	struct own_cost cost_at_read;
	struct view_cost cost;
	bool has_live; /* a stall was open at the last look */
	char targets[512];
};

static struct model *live_model(void *ctx)
{
	return session__model(((struct live *)ctx)->session);
}

static const char *live_mode(void *ctx)
{
	return measure_mode_word(((struct live *)ctx)->dashboard.config->mode);
}

static uint64_t live_clock_offset_ns(void *ctx)
{
	(void)ctx;
	return time_clock_offset_ns();
}

/* A place in a source file of one of several processes. */
struct wanted_line {
	const char *file;
	uint32_t line;
	char *buf;
	size_t size;
	struct err *err;
};

static int read_line_of(void *ctx, pid_t pid)
{
	const struct wanted_line *wanted = ctx;
	int r = source_line(pid, wanted->file, wanted->line, wanted->buf, wanted->size);

	return r < 0 ? -ENOENT : r; /* another process may have the file */
}

/* A row may stand for several processes: one that has the file is enough. */
static int find_source_line(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf,
			    size_t size)
{
	struct wanted_line wanted = { .file = file, .line = line, .buf = buf, .size = size };

	if (pid)
		return source_line((pid_t)pid, file, line, buf, size);
	return session__each_pid(ctx, read_line_of, &wanted);
}

static void live_status(void *ctx, uint64_t now_ns, struct view_status *status)
{
	struct live *l = ctx;
	char raw[sizeof(l->targets)];

	session__describe(l->session, raw, sizeof(raw));
	text__escape(raw, l->targets, sizeof(l->targets));
	*status = (struct view_status){
		.targets = l->targets,
		.now_ns = now_ns,
		.started_ns = session__started_ns(l->session),
		.threshold_ns = session__threshold_ns(l->session),
		.refresh_ns = l->refresh_ns,
		.cost = l->cost,
		.own_rss_bytes = session__own_rss_bytes(),
		.light = session__light(l->session),
		.source_line = find_source_line,
		.source_ctx = l->session,
	};
}

/* Share of one core since the last read. An estimate may be a little lower than the one before. */
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
	if (r >= 0 && session__is_counting_tasks(l->session))
		r = session__read_tasks(l->session, now_ns);
	return r;
}

static int look_for_open(struct live *l, uint64_t now_ns)
{
	const uint64_t threshold_ns = session__threshold_ns(l->session);
	int n;

	if (now_ns < l->live_due_ns)
		return 0;
	n = session__read_spans(l->session, now_ns,
				threshold_ns > OPEN_NS ? threshold_ns : OPEN_NS);
	if (n < 0)
		return n;
	/* One more update after the stall has ended. */
	if (n > 0 || l->has_live)
		l->dashboard.is_stale = true;
	l->has_live = n > 0;
	return 0;
}

static int on_input(void *ctx)
{
	struct live *l = ctx;
	int r = dashboard__input(&l->dashboard);

	if (l->dashboard.is_over)
		session__stop(l->session);
	/* A screen that shows tasks does not wait for the next refresh. */
	if (view__wants_tasks(l->dashboard.view) != session__is_counting_tasks(l->session))
		l->read_due_ns = 0;
	/* Shows what the key has changed. */
	l->timer.due_ns = 0;
	return r;
}

static int on_due(void *ctx, uint64_t now_ns)
{
	struct live *l = ctx;
	const bool is_read = now_ns >= l->read_due_ns, is_looked = now_ns >= l->live_due_ns;
	const uint64_t before_ns = session__own_cpu_ns(l->session);
	int r;

	r = screen__has_read(l->dashboard.screen) ? on_input(l) : 0;
	if (r >= 0)
		r = read_if_due(l, now_ns);
	if (r >= 0)
		r = look_for_open(l, now_ns);
	if (r >= 0)
		r = dashboard__draw(&l->dashboard, now_ns);
	/* The pacer counts drawing as part of the read. */
	if (is_read)
		l->read_due_ns = session__next_due_ns(l->session, now_ns, l->refresh_ns, before_ns);
	if (is_looked)
		l->live_due_ns = session__next_due_ns(l->session, now_ns, LIVE_PACE_NS, before_ns);
	l->timer.due_ns = l->read_due_ns < l->live_due_ns ? l->read_due_ns : l->live_due_ns;
	return r;
}

static int begin(void *ctx)
{
	struct live *l = ctx;

	l->timer = (struct timer){ .fn = on_due, .ctx = l };
	loop__add_timer(session__loop(l->session), &l->timer);
	l->input = (struct loop_fd){ .fd = STDIN_FILENO, .fn = on_input, .ctx = l };
	sink__watch_reader(l->session, &l->reader, STDOUT_FILENO);
	return loop__add_fd(session__loop(l->session), &l->input, EPOLLIN);
}

/* Writes the stalls in the snapshot's list, oldest first; the list is newest first. */
static int live_report(void *ctx, struct report *report, const struct snapshot *snapshot)
{
	const struct live *l = ctx;
	int r = session__write_start(l->session, report);

	for (size_t i = snapshot->n_stalls; r >= 0 && i-- > 0;)
		r = report__stall(report, snapshot->stall_list[i]);
	return r < 0 ? r : session__write_summary(l->session, report, snapshot);
}

static int edit_line_of(void *ctx, pid_t pid)
{
	const struct wanted_line *wanted = ctx;

	return source_edit(pid, wanted->file, wanted->line, wanted->err);
}

static int live_edit(void *ctx, const char *file, uint32_t line, struct err *err)
{
	const struct live *l = ctx;
	struct wanted_line wanted = { .file = file, .line = line, .err = err };

	return session__each_pid(l->session, edit_line_of, &wanted);
}

static void change_refresh(struct live *l, int direction)
{
	l->refresh_ns = dashboard_next_of(paces_ns, N_OF(paces_ns), l->refresh_ns, direction);
	l->read_due_ns = 0;
	dashboard__tell(&l->dashboard, "refreshed every %.3g s", (double)l->refresh_ns / 1e9);
}

static void change_threshold(struct live *l, int direction)
{
	const uint64_t threshold_ns = dashboard_next_of(
		thresholds_ns, N_OF(thresholds_ns), session__threshold_ns(l->session), direction);
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
	session__reset(l->session);
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
	.clock_offset_ns = live_clock_offset_ns,
	.status = live_status,
	.fulfil = live_fulfil,
	.report = live_report,
	.edit = live_edit,
};

int dashboard_run(struct session *s, const struct config *config, struct err *err)
{
	struct live l = { .session = s, .refresh_ns = config->refresh_ns ?: DEFAULT_REFRESH_NS };
	static const struct sink_ops ops = { .begin = begin };
	struct sink sink = { .ops = &ops,
			     .ctx = &l,
			     .outlives_targets = true,
			     .paces_reads = true,
			     .lists_stalls = true };
	int r;

	r = dashboard__open(&l.dashboard, config, &source, &l, err);
	if (r >= 0) {
		watchdog_on_end(screen_give_back);
		session__add_sink(s, &sink);
		r = session__run(s, err);
	}
	dashboard__close(&l.dashboard);
	return r;
}
