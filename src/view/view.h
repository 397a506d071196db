/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard without a terminal: a snapshot and keys in, cells and requests out. Screens are
 * tables of functions (struct screen_ops), one file each.
 */
#ifndef LOOPSTALL_VIEW_VIEW_H
#define LOOPSTALL_VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/light.h"
#include "model/lint.h"
#include "model/model.h"
#include "view/canvas.h"
#include "view/theme.h"

/* Keys: printable ones as their code point, the others as these. */
enum view_key {
	KEY_NONE = 0,
	KEYS_SPECIAL = 0x110000,
	VKEY_UP,
	VKEY_DOWN,
	VKEY_LEFT,
	VKEY_RIGHT,
	VKEY_PAGE_UP,
	VKEY_PAGE_DOWN,
	VKEY_HOME,
	VKEY_END,
	VKEY_ENTER,
	VKEY_ESCAPE,
	VKEY_TAB,
	VKEY_BACKTAB,
	VKEY_BACKSPACE,
	VKEY_DELETE,
	VKEY_MOUSE, /* with row and column */
	VKEY_WHEEL_UP, /* with row and column */
	VKEY_WHEEL_DOWN,
	VKEY_F1, /* VKEY_F1 + n - 1 is Fn */
};

struct view_event {
	uint32_t key;
	int row, column; /* of the mouse */
	bool is_pasted; /* a character that was not typed: text for a prompt, never a command */
};

/* What the view asks of its owner. */
enum view_request {
	VIEW_NOTHING,
	VIEW_REDRAW,
	VIEW_QUIT,
	VIEW_RESET, /* clear the counts */
	VIEW_FASTER,
	VIEW_SLOWER,
	VIEW_THRESHOLD_UP,
	VIEW_THRESHOLD_DOWN,
	VIEW_COPY, /* view__copied() has the text */
	VIEW_SAVE, /* view__format() says as what */
	VIEW_EDIT, /* view__edit() has file and line */
	VIEW_SUSPEND,
	VIEW_THEME, /* view__theme() says which one */
	VIEW_SAVE_SETTINGS, /* view__settings() says which */
	/* Of a recording: the view itself does not pause then. */
	VIEW_PLAY, /* or stop */
	VIEW_SEEK_BACK,
	VIEW_SEEK_FORWARD,
	VIEW_SEEK_FAR_BACK,
	VIEW_SEEK_FAR_FORWARD,
	VIEW_REWIND,
};

/* Where a recording that is being played stands. */
struct view_replay {
	uint64_t position_ns, length_ns;
	double speed; /* 1: as it was */
	bool is_stopped;
};

/* What loopstall costs, each part as share of one core. */
struct view_cost {
	double programs, traps, self;
	bool is_known; /* false: nothing was read so far, or a recording does not hold it */
};

/* Contents of the header that the model does not hold. */
struct view_status {
	const char *targets; /* process, runtime, kind of loop, mode and rung; escaped */
	uint64_t now_ns, started_ns; /* CLOCK_MONOTONIC */
	uint64_t clock_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC; 0: not known */
	uint64_t threshold_ns, refresh_ns;
	struct view_cost cost;
	uint64_t own_rss_bytes;
	struct light light; /* without its share */
	lint_mask lints_off;
	const struct view_replay *replay; /* NULL: live */
	const char *message; /* a line for the bottom, "" if none */
	/*
	 * One line of a source file of a process (0: of any), without its line end, raw. 0 or
	 * -errno. NULL: source is not shown.
	 */
	int (*source_line)(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf,
			   size_t size);
	void *source_ctx;
};

struct view_opts {
	const char *screen; /* name of the first screen, NULL: coroutines */
	const char *sort, *columns, *filter; /* NULL: defaults */
	enum group_key group; /* of the screens whose rows can be grouped */
	enum theme theme; /* that is in force */
	bool is_replay;
	/* What a report can be saved as; must outlive the view. */
	size_t n_formats;
	const struct view_format {
		const char *name, *title;
	} * formats;
};

/* A smaller canvas only shows that it is too small. */
#define VIEW_MIN_COLUMNS 60
#define VIEW_MIN_ROWS 16

struct view;

int view__new(struct view **ret_view, const struct view_opts *opts);
void view__free(struct view *v);
static inline void view__freep(struct view **v)
{
	view__free(*v);
}

/*
 * The rows of another run, which took so long: columns show how much they changed. Its strings need
 * not outlive the call. 0 or -ENOMEM.
 */
int view__set_baseline(struct view *v, const struct snapshot *snapshot, uint64_t duration_ns);

/* Draws the whole canvas. A paused view keeps showing what it was paused on. */
void view__draw(struct view *v, const struct snapshot *snapshot, const struct view_status *status,
		struct canvas *c);
enum view_request view__input(struct view *v, const struct view_event *event);
const char *view__copied(const struct view *v);
size_t view__format(const struct view *v); /* index of what was chosen last */
enum theme view__theme(const struct view *v); /* chosen last */

/* As the options would say it. */
struct view_settings {
	const char *screen, *sort; /* sort: NULL if the screen is no table */
	char columns[512]; /* "" if all are shown */
	enum group_key group;
	enum theme theme;
};

/* Of the current screen, or the one that it stands in for. */
void view__settings(const struct view *v, struct view_settings *ret);
int view__edit(const struct view *v, const char **ret_file, uint32_t *ret_line);
bool view__is_paused(const struct view *v);
/* Tasks are shown one by one: their owner should read them. */
bool view__wants_tasks(const struct view *v);

#endif
