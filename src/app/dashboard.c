/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard's clockwork: reads the kernel side at its pace, asks often whether a loop is stuck,
 * draws when something changed, and does what the view asks for.
 */
#include "app/dashboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/session_impl.h"
#include "app/source.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "view/screen.h"
#include "view/view.h"

#define SECOND_NS 1000000000ULL
/* A loop that is stuck is shown once it has been so this long, and asked as often: so within twice that. */
#define STUCK_NS 50000000ULL
#define LIVE_PACE_NS 45000000ULL
#define MESSAGE_NS (5 * SECOND_NS)
#define DEFAULT_REFRESH_NS (SECOND_NS / 4)
/* What + and - and the threshold's keys choose from. */
static const uint64_t paces_ns[] = { SECOND_NS / 10, SECOND_NS / 4, SECOND_NS / 2, SECOND_NS,
				     2 * SECOND_NS,  5 * SECOND_NS, 10 * SECOND_NS };
static const uint64_t thresholds_ns[] = { 100000,    200000,	    500000,	   1000000,
					  2000000,   5000000,	    10000000,	   20000000,
					  50000000,  100000000,	    200000000,	   500000000,
					  SECOND_NS, 2 * SECOND_NS, 5 * SECOND_NS, 10 * SECOND_NS };

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct dashboard {
	struct session *session;
	struct view *view;
	struct screen *screen;
	struct canvas *canvas;
	uint64_t refresh_ns;
	uint64_t read_due_ns, live_due_ns;
	uint64_t read_at_ns,
		cpu_at_read_ns; /* when our own cost was measured last, and our CPU time then */
	double own_cpu;
	bool has_live; /* a loop was stuck at the last look */
	bool is_stale; /* what the terminal shows is not up to date */
	char targets[512];
	char message[512];
	uint64_t message_until_ns;
};

__attribute__((format(printf, 2, 3))) static void tell(struct dashboard *d, const char *fmt, ...)
{
	char raw[sizeof(d->message)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, d->message, sizeof(d->message));
	d->message_until_ns = session_now_ns() + MESSAGE_NS;
	d->is_stale = true;
}

/* "uvicorn 4242  CPython 3.11.2, asyncio, exact (entry)  +1 more" */
static void describe_targets(struct dashboard *d)
{
	const struct session *s = d->session;
	const struct watch *w = &s->watches[0];
	char raw[sizeof(d->targets)];
	size_t used = 0;

	/* The first that still runs speaks for all. */
	for (size_t i = 0; i < s->n_watches && w->is_gone; i++)
		w = &s->watches[i];
	used = (size_t)snprintf(raw, sizeof(raw), "%s %d",
				w->target		   ? w->target->comm :
					s->config->command ? s->config->command[0] :
							     "?",
				w->pid);
	if (w->target && used < sizeof(raw))
		used += (size_t)snprintf(
			raw + used, sizeof(raw) - used, "  CPython %u.%u.%u, %s, exact (%s)",
			w->target->version[0], w->target->version[1], w->target->version[2],
			watch__loop_word(w) ?: "no loop yet", target_rung_word(w->target->rung));
	if (s->n_watches > 1 && used < sizeof(raw))
		used += (size_t)snprintf(raw + used, sizeof(raw) - used, "  +%zu more",
					 s->n_watches - 1);
	if (w->is_gone && used < sizeof(raw))
		snprintf(raw + used, sizeof(raw) - used, "  has ended");
	text__escape(raw, d->targets, sizeof(d->targets));
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
		r = source_line(s->watches[i].pid, file, line, buf, size);
	return r;
}

static int fit_canvas(struct dashboard *d)
{
	int rows, columns;

	screen__size(d->screen, &rows, &columns);
	if (rows == canvas__rows(d->canvas) && columns == canvas__columns(d->canvas))
		return 0;
	return canvas__resize(d->canvas, rows, columns);
}

static int draw(struct dashboard *d, uint64_t now_ns)
{
	const struct snapshot *snapshot;
	struct view_status status = {
		.targets = d->targets,
		.now_ns = now_ns,
		.started_ns = d->session->started_ns,
		.threshold_ns = d->session->threshold_ns,
		.refresh_ns = d->refresh_ns,
		.own_cpu = d->own_cpu,
		.own_rss_bytes = session_own_rss_bytes(),
		.message = now_ns < d->message_until_ns ? d->message : "",
		.source_line = find_source_line,
		.source_ctx = d->session,
		.lints_off = d->session->config->lints_off,
	};
	int r;

	d->is_stale = false;
	r = fit_canvas(d);
	if (r >= 0)
		r = model__snapshot(d->session->model, &snapshot);
	if (r < 0)
		return r;
	describe_targets(d);
	view__draw(d->view, snapshot, &status, d->canvas);
	screen__draw(d->screen, d->canvas);
	return 0;
}

static void measure_self(struct dashboard *d, uint64_t now_ns)
{
	const uint64_t cpu_ns = session_own_cpu_ns();

	if (d->read_at_ns && now_ns > d->read_at_ns)
		d->own_cpu = (double)(cpu_ns - d->cpu_at_read_ns) / (double)(now_ns - d->read_at_ns);
	d->read_at_ns = now_ns;
	d->cpu_at_read_ns = cpu_ns;
}

static int read_if_due(struct dashboard *d, uint64_t now_ns)
{
	int r;

	if (now_ns < d->read_due_ns)
		return 0;
	d->read_due_ns = now_ns + d->refresh_ns;
	d->is_stale = true;
	measure_self(d, now_ns);
	r = session__read(d->session, now_ns);
	if (r >= 0)
		r = session__count_tasks(d->session, view__wants_tasks(d->view));
	if (r >= 0 && d->session->is_counting_tasks)
		r = session__read_tasks(d->session, now_ns);
	return r;
}

static int look_for_stuck(struct dashboard *d, uint64_t now_ns)
{
	const uint64_t threshold_ns = d->session->threshold_ns;
	int n;

	if (now_ns < d->live_due_ns)
		return 0;
	d->live_due_ns = now_ns + LIVE_PACE_NS;
	n = session__read_live(d->session, now_ns, threshold_ns > STUCK_NS ? threshold_ns : STUCK_NS);
	if (n < 0)
		return n;
	/* Once more when it is over. */
	if (n > 0 || d->has_live)
		d->is_stale = true;
	d->has_live = n > 0;
	return 0;
}

static int on_turn(void *ctx, uint64_t now_ns, uint64_t *ret_due_ns)
{
	struct dashboard *d = ctx;
	char line[sizeof(d->message)];
	int r;

	r = read_if_due(d, now_ns);
	if (r >= 0)
		r = look_for_stuck(d, now_ns);
	if (r < 0)
		return r;
	if (screen__take_message(d->screen, line, sizeof(line))) {
		tell(d, "%s", line);
		session__note(d->session, LOG_GRADE_WARNING, 0, "%s", line);
	}
	*ret_due_ns = d->read_due_ns < d->live_due_ns ? d->read_due_ns : d->live_due_ns;
	return d->is_stale ? draw(d, now_ns) : 0;
}

/* Text of the screen, stalls, summary: the whole report in one format. */
static int write_report(struct dashboard *d, const struct report_format *format, FILE *out)
{
	const struct report_opts opts = { .mode = "exact" };
	_cleanup_(report__freep) struct report *report = NULL;
	const struct snapshot *snapshot;
	int r;

	r = model__snapshot(d->session->model, &snapshot);
	if (r >= 0)
		r = report__new(&report, format, out, &opts);
	if (r >= 0)
		r = session__write_start(d->session, report);
	/* Newest first there, oldest first here. */
	for (size_t i = snapshot ? snapshot->n_stalls : 0; r >= 0 && i-- > 0;)
		r = report__stall(report, snapshot->stall_list[i]);
	if (r >= 0)
		r = session__write_summary(d->session, report, snapshot);
	return r;
}

/* Never over a file that exists, nor through a link: we may be root in anybody's folder. */
static int save_as(struct dashboard *d, const struct report_format *format, const char *path)
{
	_cleanup_(file_close) FILE *f = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	return write_report(d, format, f);
}

static void save(struct dashboard *d)
{
	static const char *const names[] = { "text", "json" };
	const time_t now = time(NULL);
	char stem[64], path[80];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stem, sizeof(stem), "loopstall-%Y%m%d-%H%M%S", &tm);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct report_format *format = report__by_name(names[i]);
		int r;

		snprintf(path, sizeof(path), "%s.%s", stem, format->extension);
		r = save_as(d, format, path);
		if (r < 0) {
			tell(d, "cannot save %s: %s", path, strerror(-r));
			return;
		}
	}
	tell(d, "saved %s.txt and %s.json", stem, stem);
}

static void copy(struct dashboard *d)
{
	const char *text = view__copied(d->view);
	int r;

	if (!text || !*text)
		return;
	r = screen__copy(d->screen, text);
	if (r < 0)
		tell(d, "cannot copy: %s", strerror(-r));
	else
		tell(d, "copied, if the terminal takes it");
}

static void edit(struct dashboard *d)
{
	struct err err = {};
	const char *file;
	uint32_t line;
	int r;

	r = view__edit(d->view, &file, &line);
	if (r < 0) {
		tell(d, "nothing here names a source file");
		return;
	}
	screen__leave(d->screen);
	r = -ENOENT;
	for (size_t i = 0; r == -ENOENT && i < d->session->n_watches; i++)
		r = source_edit(d->session->watches[i].pid, file, line, &err);
	screen__enter(d->screen);
	d->is_stale = true;
	if (r < 0)
		tell(d, "%s", *err.what ? err.what : strerror(-r));
}

/* The next one of an ascending list, up or down; the same if there is none. */
static uint64_t next_of(const uint64_t *list, size_t n, uint64_t value, int direction)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t candidate = direction > 0 ? list[i] : list[n - 1 - i];

		if (direction > 0 ? candidate > value : candidate < value)
			return candidate;
	}
	return value;
}

static void change_refresh(struct dashboard *d, int direction)
{
	d->refresh_ns = next_of(paces_ns, N(paces_ns), d->refresh_ns, direction);
	d->read_due_ns = 0;
	tell(d, "refreshed every %.3g s", (double)d->refresh_ns / 1e9);
}

static void change_threshold(struct dashboard *d, int direction)
{
	const uint64_t threshold_ns =
		next_of(thresholds_ns, N(thresholds_ns), d->session->threshold_ns, direction);
	int r = session__set_threshold(d->session, threshold_ns);

	if (r < 0) {
		tell(d, "cannot change the threshold: %s", strerror(-r));
		return;
	}
	session__note(d->session, LOG_GRADE_INFO, 0, "the threshold is %.3g ms from here on",
		      (double)threshold_ns / 1e6);
	tell(d, "a stall is what lasts at least %.3g ms from here on", (double)threshold_ns / 1e6);
}

static void reset(struct dashboard *d)
{
	/* Its failure is that of a recorder, which comes back with the next input. */
	feed__reset(&d->session->feed);
	session__note(d->session, LOG_GRADE_INFO, 0, "counting begins anew");
	d->read_due_ns = 0;
	tell(d, "counting begins anew");
}

static void fulfil(struct dashboard *d, enum view_request request)
{
	switch (request) {
	case VIEW_NOTHING:
		return;
	case VIEW_REDRAW:
		break;
	case VIEW_QUIT:
		session__stop(d->session);
		return;
	case VIEW_RESET:
		reset(d);
		break;
	case VIEW_FASTER:
		change_refresh(d, -1);
		break;
	case VIEW_SLOWER:
		change_refresh(d, 1);
		break;
	case VIEW_THRESHOLD_UP:
		change_threshold(d, 1);
		break;
	case VIEW_THRESHOLD_DOWN:
		change_threshold(d, -1);
		break;
	case VIEW_COPY:
		copy(d);
		break;
	case VIEW_SAVE:
		save(d);
		break;
	case VIEW_EDIT:
		edit(d);
		break;
	case VIEW_SUSPEND:
		screen__suspend(d->screen);
		break;
	}
	/* A screen that shows tasks does not wait for the next refresh. */
	if (view__wants_tasks(d->view) != d->session->is_counting_tasks)
		d->read_due_ns = 0;
	d->is_stale = true;
}

static enum view_request request_of(struct dashboard *d, const struct view_event *event)
{
	switch (event->key) {
	case KEY_NONE:
		return VIEW_REDRAW;
	case SCREEN_CTRL_C:
		return VIEW_QUIT;
	case SCREEN_CTRL_Z:
		return VIEW_SUSPEND;
	default:
		return view__input(d->view, event);
	}
}

static int on_input(void *ctx)
{
	struct dashboard *d = ctx;
	struct view_event event;
	int r;

	while ((r = screen__read(d->screen, &event)) > 0 && !d->session->is_over)
		fulfil(d, request_of(d, &event));
	return r;
}

int dashboard_run(struct session *s, struct err *err)
{
	_cleanup_(view__freep) struct view *view = NULL;
	_cleanup_(canvas__freep) struct canvas *canvas = NULL;
	_cleanup_(screen__freep) struct screen *screen = NULL;
	const struct view_opts opts = dashboard_opts(s->config);
	struct dashboard d = { .session = s, .refresh_ns = s->config->refresh_ns ?: DEFAULT_REFRESH_NS };
	const struct session_front front = {
		.ctx = &d, .input_fd = STDIN_FILENO, .on_input = on_input, .on_turn = on_turn
	};
	int rows, columns, r;

	r = view__new(&view, &opts);
	if (r < 0)
		return err__set(err, r, "cannot set up the dashboard: %s", strerror(-r));
	r = screen__new(&screen, err);
	if (r < 0)
		return r;
	screen__size(screen, &rows, &columns);
	r = canvas__new(&canvas, rows, columns, screen__is_utf8(screen));
	if (r < 0)
		return err__set(err, r, "cannot set up the dashboard: %s", strerror(-r));
	d.view = view;
	d.canvas = canvas;
	d.screen = screen;
	session__set_front(s, &front);
	return session__run(s, err);
}
