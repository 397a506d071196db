/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the dashboard: dashboard.c has what is common (terminal, keys, saving),
 * dashboard_live.c what shows a measurement while it runs, dashboard_replay.c what plays a
 * recording.
 */
#ifndef LOOPSTALL_APP_DASHBOARD_IMPL_H
#define LOOPSTALL_APP_DASHBOARD_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "app/dashboard.h"
#include "base/array.h"
#include "base/time.h"
#include "report/report.h"
#include "view/screen.h"
#include "view/view.h"

struct dashboard;

/* What is shown. `ctx` is that of the dashboard. */
struct dashboard_source {
	bool is_replay;
	struct model *(*model)(void *ctx);
	/* As in struct report_opts. */
	const char *(*mode)(void *ctx);
	uint64_t (*clock_offset_ns)(void *ctx);
	/* Fills in all but the message and what the configuration says. */
	void (*status)(void *ctx, uint64_t now_ns, struct view_status *status);
	/* Does what the dashboard does not do itself, and shows a message about the result. */
	void (*fulfil)(struct dashboard *d, enum view_request request);
	/* Writes a whole report of what is known now. 0 or -errno. */
	int (*report)(void *ctx, struct report *report, const struct snapshot *snapshot);
	/* Opens a source file of whatever process has it. 0 or -errno with err filled. */
	int (*edit)(void *ctx, const char *file, uint32_t line, struct err *err);
};

struct dashboard {
	const struct dashboard_source *source;
	void *ctx;
	const struct config *config;
	struct view *view;
	struct screen *screen;
	struct canvas *canvas;
	bool is_stale; /* what the terminal shows is not up to date */
	bool is_over; /* q was pressed */
	char message[512];
	uint64_t message_until_ns;
};

/* Takes the terminal. 0 or -errno with err filled. */
int dashboard__open(struct dashboard *d, const struct config *config,
		    const struct dashboard_source *source, void *ctx, struct err *err);
/* Gives it back. */
void dashboard__close(struct dashboard *d);

/* Reads all keys that were pressed and does what they ask for. 0 or -errno. */
int dashboard__input(struct dashboard *d);
/* Draws if anything is new. 0 or -errno. */
int dashboard__draw(struct dashboard *d, uint64_t now_ns);

/* A line at the bottom, for some seconds. */
__attribute__((format(printf, 2, 3))) void dashboard__tell(struct dashboard *d, const char *fmt,
							   ...);

/* The next one of an ascending list, up (1) or down (-1); the value itself if there is none. */
uint64_t dashboard_next_of(const uint64_t *list, size_t n, uint64_t value, int direction);

#endif
