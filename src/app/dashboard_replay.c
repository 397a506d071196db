/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard of a recording: plays, pauses and seeks. It shows no source lines, because the
 * files on this machine may differ from those that ran.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/dashboard_impl.h"
#include "base/exit.h"
#include "app/replay.h"
#include "base/cleanup.h"
#include "base/escape.h"

#define DRAW_PACE_NS (NS_PER_S / 10)
#define SEEK_NS (10 * NS_PER_S)
#define SEEK_FAR_NS (60 * NS_PER_S)

/* In hundredths: what + and - choose from. */
static const uint64_t speeds[] = { 10, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10000 };

struct playing {
	struct dashboard dashboard;
	struct replay *replay;
	struct view_replay view;
	uint64_t speed; /* one of `speeds` */
	uint64_t at_ns; /* in the recording's time */
	uint64_t turned_at_ns; /* when at_ns was last advanced */
	bool is_signalled;
	bool is_held; /* the user stopped it, not its end */
	char targets[512];
};

static const char *playing_mode(void *ctx)
{
	return replay__mode(((struct playing *)ctx)->replay);
}

static uint64_t playing_clock_offset_ns(void *ctx)
{
	return replay__clock_offset_ns(((struct playing *)ctx)->replay);
}

static struct model *playing_model(void *ctx)
{
	return replay__model(((struct playing *)ctx)->replay);
}

/* Averages over the whole recording: it holds only totals. */
static struct view_cost recorded_cost(const struct replay *replay)
{
	const struct report_run run = replay__run(replay);
	const double duration_ns = (double)run.duration_ns;

	if (!run.own_cost.has_programs || !run.duration_ns)
		return (struct view_cost){ 0 };
	return (struct view_cost){
		.programs = (double)run.own_cost.programs_ns / duration_ns,
		.traps = (double)run.own_cost.traps_ns / duration_ns,
		.self = (double)run.own_cost.self_ns / duration_ns,
		.is_known = true,
	};
}

static void playing_status(void *ctx, uint64_t now_ns, struct view_status *status)
{
	struct playing *p = ctx;
	char raw[sizeof(p->targets)];

	(void)now_ns;
	replay__describe(p->replay, raw, sizeof(raw));
	text__escape(raw, p->targets, sizeof(p->targets));
	p->view.position_ns = p->at_ns - replay__first_ns(p->replay);
	p->view.length_ns = replay__last_ns(p->replay) - replay__first_ns(p->replay);
	p->view.speed = (double)p->speed / 100;
	*status = (struct view_status){
		.targets = p->targets,
		.now_ns = p->at_ns,
		.started_ns = replay__first_ns(p->replay),
		.threshold_ns = replay__threshold_ns(p->replay),
		.cost = recorded_cost(p->replay),
		.light = replay__light(p->replay),
		.replay = &p->view,
	};
}

static int play_to(struct playing *p, uint64_t at_ns)
{
	const uint64_t first_ns = replay__first_ns(p->replay), last_ns = replay__last_ns(p->replay);
	int r;

	if (at_ns < first_ns)
		at_ns = first_ns;
	if (at_ns >= last_ns) {
		at_ns = last_ns;
		p->view.is_stopped = true;
	}
	r = replay__to(p->replay, at_ns);
	p->at_ns = at_ns;
	p->dashboard.is_stale = true;
	return r;
}

/* Lets the recording's time go on. 0 or -errno. */
static int turn(struct playing *p, uint64_t now_ns)
{
	const uint64_t passed_ns = (now_ns - p->turned_at_ns) * p->speed / 100;

	p->turned_at_ns = now_ns;
	return p->view.is_stopped ? 0 : play_to(p, p->at_ns + passed_ns);
}

static void seek(struct playing *p, int64_t by_ns)
{
	const uint64_t first_ns = replay__first_ns(p->replay);
	const uint64_t back_ns = by_ns < 0 ? (uint64_t)-by_ns : 0;
	uint64_t at_ns = p->at_ns + (by_ns > 0 ? (uint64_t)by_ns : 0);
	int r;

	at_ns = at_ns - first_ns > back_ns ? at_ns - back_ns : first_ns;
	if (by_ns < 0 && p->at_ns == replay__last_ns(p->replay))
		p->view.is_stopped = p->is_held;
	r = play_to(p, at_ns);
	if (r < 0)
		dashboard__tell(&p->dashboard, "cannot play: %s", strerror(-r));
}

static void playing_fulfil(struct dashboard *d, enum view_request request)
{
	struct playing *p = d->ctx;

	switch (request) {
	case VIEW_PLAY:
		p->is_held = !p->view.is_stopped;
		/* Playing at the end starts again from the beginning. */
		if (p->view.is_stopped && p->at_ns == replay__last_ns(p->replay))
			seek(p, -(int64_t)(p->at_ns - replay__first_ns(p->replay)));
		p->view.is_stopped = p->is_held;
		break;
	case VIEW_REWIND:
		seek(p, -(int64_t)(p->at_ns - replay__first_ns(p->replay)));
		break;
	case VIEW_SEEK_BACK:
		seek(p, -(int64_t)SEEK_NS);
		break;
	case VIEW_SEEK_FORWARD:
		seek(p, SEEK_NS);
		break;
	case VIEW_SEEK_FAR_BACK:
		seek(p, -(int64_t)SEEK_FAR_NS);
		break;
	case VIEW_SEEK_FAR_FORWARD:
		seek(p, SEEK_FAR_NS);
		break;
	case VIEW_FASTER:
		p->speed = dashboard_next_of(speeds, N_OF(speeds), p->speed, 1);
		break;
	case VIEW_SLOWER:
		p->speed = dashboard_next_of(speeds, N_OF(speeds), p->speed, -1);
		break;
	default:
		dashboard__tell(d, "a recording stays as it was measured");
		break;
	}
}

static int playing_report(void *ctx, struct report *report, const struct snapshot *snapshot)
{
	const struct playing *p = ctx;
	struct report_run run = replay__run(p->replay);
	int r = report__start(report, replay__start(p->replay));

	for (size_t i = snapshot->n_stalls; r >= 0 && i-- > 0;)
		r = report__stall(report, snapshot->stall_list[i]);
	run.duration_ns = p->at_ns - replay__first_ns(p->replay);
	run.ended_ns = p->at_ns;
	return r < 0 ? r : report__finish(report, snapshot, &run);
}

static int playing_edit(void *ctx, const char *file, uint32_t line, struct err *err)
{
	(void)ctx;
	return err__set(err, -ENOENT, "%s:%u is on the machine where it was recorded", file, line);
}

static const struct dashboard_source source = {
	.is_replay = true,
	.model = playing_model,
	.mode = playing_mode,
	.clock_offset_ns = playing_clock_offset_ns,
	.status = playing_status,
	.fulfil = playing_fulfil,
	.report = playing_report,
	.edit = playing_edit,
};

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Until q or a signal. 0 or -errno. */
static int loop(struct playing *p, int signal_fd)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };
	int r = 0;

	while (r >= 0 && !p->dashboard.is_over) {
		r = turn(p, time_now_ns(CLOCK_MONOTONIC));
		if (r >= 0)
			r = dashboard__draw(&p->dashboard, time_now_ns(CLOCK_MONOTONIC));
		if (r < 0)
			return r;
		if (poll(fds, 2, (int)(DRAW_PACE_NS / 1000000)) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return 0;
		/* EINTR: the window has another size, which is read like a key. */
		r = dashboard__input(&p->dashboard);
	}
	return r;
}

static void tell_damage(struct playing *p)
{
	const char *damage = replay__damage(p->replay);

	if (damage)
		dashboard__tell(&p->dashboard, "the recording is damaged: %s", damage);
}

int dashboard_replay(const struct config *config, const char *path, struct err *err)
{
	const struct own_rules own = cli_own_rules(config);
	_cleanup_(replay__freep) struct replay *replay = NULL;
	_cleanup_fd_ int signal_fd = -1;
	struct playing p = { .speed = 100 };
	int r;

	r = replay__open(&replay, path, NULL, NULL, err);
	if (r < 0)
		return r;
	replay__set_own(replay, &own);
	signal_fd = open_signals();
	if (signal_fd < 0)
		return err__set(err, signal_fd, "cannot take signals: %s", strerror(-signal_fd));
	p.replay = replay;
	p.at_ns = replay__first_ns(replay);
	p.turned_at_ns = time_now_ns(CLOCK_MONOTONIC);
	r = dashboard__open(&p.dashboard, config, &source, &p, err);
	if (r >= 0) {
		tell_damage(&p);
		r = loop(&p, signal_fd);
	}
	dashboard__close(&p.dashboard);
	return r < 0 ? r : EXIT_FINE;
}
