/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What live and replayed dashboards share: terminal, keys, drawing, saving, copying, editing.
 */
#include "app/dashboard_impl.h"
#include "app/config_file.h"
#include "app/config_save.h"
#include "app/replay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/file.h"
#include "model/groups.h"

#define MESSAGE_NS (5 * NS_PER_S)
#define MAX_FORMATS 64

void dashboard__tell(struct dashboard *d, const char *fmt, ...)
{
	char raw[sizeof(d->message)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, d->message, sizeof(d->message));
	d->message_until_ns = time_now_ns(CLOCK_MONOTONIC) + MESSAGE_NS;
	d->is_stale = true;
}

uint64_t dashboard_next_of(const uint64_t *list, size_t n, uint64_t value, int direction)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t candidate = direction > 0 ? list[i] : list[n - 1 - i];

		if (direction > 0 ? candidate > value : candidate < value)
			return candidate;
	}
	return value;
}

static int fit_canvas(struct dashboard *d)
{
	int rows, columns;

	screen__size(d->screen, &rows, &columns);
	if (rows == canvas__rows(d->canvas) && columns == canvas__columns(d->canvas))
		return 0;
	return canvas__resize(d->canvas, rows, columns);
}

int dashboard__draw(struct dashboard *d, uint64_t now_ns)
{
	struct view_status status = { .now_ns = now_ns };
	const struct snapshot *snapshot;
	char line[sizeof(d->message)];
	int r;

	if (screen__take_message(d->screen, line, sizeof(line)))
		dashboard__tell(d, "%s", line);
	if (!d->is_stale)
		return 0;
	d->is_stale = false;
	r = fit_canvas(d);
	if (r >= 0)
		r = model__snapshot(d->source->model(d->ctx), &snapshot);
	if (r < 0)
		return r;
	d->source->status(d->ctx, now_ns, &status);
	status.message = now_ns < d->message_until_ns ? d->message : "";
	status.lints_off = d->config->lints_off;
	status.clock_offset_ns = d->source->clock_offset_ns(d->ctx);
	view__draw(d->view, snapshot, &status, d->canvas);
	screen__draw(d->screen, d->canvas);
	return 0;
}

static int write_report(struct dashboard *d, const struct report_format *format, FILE *out)
{
	const struct report_opts opts = { .mode = d->source->mode(d->ctx),
					  .group = d->config->group,
					  .clock_offset_ns = d->source->clock_offset_ns(d->ctx) };
	_cleanup_(report__freep) struct report *report = NULL;
	const struct snapshot *snapshot;
	int r;

	r = model__snapshot(d->source->model(d->ctx), &snapshot);
	if (r >= 0)
		r = report__new(&report, format, out, &opts);
	return r < 0 ? r : d->source->report(d->ctx, report, snapshot);
}

static int save_as(struct dashboard *d, const struct report_format *format, const char *path)
{
	_cleanup_(file_close) FILE *f = NULL;
	int r = file__create_stream(&f, path, false);

	return r < 0 ? r : write_report(d, format, f);
}

static void save(struct dashboard *d)
{
	const struct report_format *format = &report_formats[view__format(d->view)];
	const time_t now = time(NULL);
	char stem[64], path[96];
	struct tm tm;
	int r;

	localtime_r(&now, &tm);
	strftime(stem, sizeof(stem), "loopstall-%Y%m%d-%H%M%S", &tm);
	snprintf(path, sizeof(path), "%s.%s", stem, format->extension);
	r = save_as(d, format, path);
	if (r < 0)
		dashboard__tell(d, "cannot save %s: %s", path, strerror(-r));
	else
		dashboard__tell(d, "saved %s", path);
}

static void copy(struct dashboard *d)
{
	const char *text = view__copied(d->view);
	int r;

	if (!text || !*text)
		return;
	r = screen__copy(d->screen, text);
	if (r < 0)
		dashboard__tell(d, "cannot copy: %s", strerror(-r));
	else
		dashboard__tell(d, "copied, if the terminal takes it");
}

static void edit(struct dashboard *d)
{
	struct err err = {};
	const char *file;
	uint32_t line;
	int r;

	r = view__edit(d->view, &file, &line);
	if (r < 0) {
		dashboard__tell(d, "nothing here names a source file");
		return;
	}
	screen__leave(d->screen);
	r = d->source->edit(d->ctx, file, line, &err);
	screen__enter(d->screen);
	if (r < 0)
		dashboard__tell(d, "%s", *err.what ? err.what : strerror(-r));
}

/* The file that was read, or else that in the user's home. */
static void save_settings(struct dashboard *d)
{
	const struct config_file *file = d->config->file;
	struct view_settings settings;
	struct err err = {};

	view__settings(d->view, &settings);
	const struct config_value values[] = {
		{ "screen", settings.screen },
		{ "sort", settings.sort },
		{ "columns", *settings.columns ? settings.columns : NULL },
		{ "group", group_key_word(settings.group) },
		{ "theme", theme_word(settings.theme) },
	};

	if (config_save(file ? config_file__path(file) : NULL, "top", values, N_OF(values), &err))
		dashboard__tell(d, "%s", err.what);
	else
		dashboard__tell(d,
				"top begins with this screen, order, columns and theme from now "
				"on");
}

static void fulfil(struct dashboard *d, enum view_request request)
{
	switch (request) {
	case VIEW_NOTHING:
		return;
	case VIEW_REDRAW:
		break;
	case VIEW_QUIT:
		d->is_over = true;
		return;
	case VIEW_COPY:
		copy(d);
		break;
	case VIEW_SAVE:
		save(d);
		break;
	case VIEW_EDIT:
		edit(d);
		break;
	case VIEW_THEME:
		screen__set_theme(d->screen, view__theme(d->view));
		break;
	case VIEW_SAVE_SETTINGS:
		save_settings(d);
		break;
	case VIEW_SUSPEND:
		screen__suspend(d->screen);
		break;
	default:
		d->source->fulfil(d, request);
		break;
	}
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

int dashboard__input(struct dashboard *d)
{
	struct view_event event;
	int r;

	while ((r = screen__read(d->screen, &event)) > 0 && !d->is_over)
		fulfil(d, request_of(d, &event));
	return r;
}

/* The names of the report formats, in the form the view lists them. */
static size_t list_formats(struct view_format *formats)
{
	size_t n;

	for (n = 0; n < n_report_formats && n < MAX_FORMATS; n++)
		formats[n] =
			(struct view_format){ report_formats[n].name, report_formats[n].title };
	return n;
}

/* Reads it whole, before the terminal is taken, so that what is wrong with it can be said. */
static int read_baseline(struct dashboard *d, const char *path, struct err *err)
{
	_cleanup_(replay__freep) struct replay *replay = NULL;
	const struct own_rules own = cli_own_rules(d->config);
	const struct snapshot *snapshot;
	int r;

	r = replay__open(&replay, path, NULL, NULL, err);
	if (r < 0)
		return r;
	replay__set_own(replay, &own);
	r = replay__to_end(replay);
	if (r >= 0)
		r = model__snapshot(replay__model(replay), &snapshot);
	if (r >= 0)
		r = view__set_baseline(d->view, snapshot, replay__run(replay).duration_ns);
	return r < 0 ? err__set(err, r, "cannot read the baseline %s: %s", path, strerror(-r)) : 0;
}

int dashboard__open(struct dashboard *d, const struct config *config,
		    const struct dashboard_source *source, void *ctx, struct err *err)
{
	static struct view_format formats[MAX_FORMATS];
	struct view_opts opts = dashboard_opts(config);
	int rows, columns, r;

	*d = (struct dashboard){ .source = source, .ctx = ctx, .config = config };
	opts.is_replay = source->is_replay;
	opts.n_formats = list_formats(formats);
	opts.formats = formats;
	r = view__new(&d->view, &opts);
	if (r < 0)
		return err__set(err, r, "cannot set up the dashboard: %s", strerror(-r));
	r = config->top_baseline ? read_baseline(d, config->top_baseline, err) : 0;
	if (r >= 0)
		r = screen__new(&d->screen, opts.theme, err);
	if (r < 0)
		return r;
	screen__size(d->screen, &rows, &columns);
	r = canvas__new(&d->canvas, rows, columns, screen__is_utf8(d->screen));
	return r < 0 ? err__set(err, r, "cannot set up the dashboard: %s", strerror(-r)) : 0;
}

void dashboard__close(struct dashboard *d)
{
	screen__free(d->screen);
	canvas__free(d->canvas);
	view__free(d->view);
}
