/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screens of the dashboard: tables of functions, one file each, that the view switches between.
 * A screen that is a table only says what its rows are; the view draws it and moves in it.
 */
#ifndef LOOPSTALL_VIEW_SCREENS_H
#define LOOPSTALL_VIEW_SCREENS_H

#include "model/groups.h"
#include "view/table.h"
#include "view/view.h"

/* Where a screen draws: `rows` canvas rows from `row` on, over the full width. */
struct screen_area {
	const struct snapshot *snapshot;
	const struct view_status *status;
	struct canvas *canvas;
	int row, rows;
};

/* The longest names: of routes and tests. */
#define SCREEN_GROUP_BYTES (MODEL_METHOD_BYTES + MODEL_ROUTE_BYTES + MODEL_TEST_BYTES)

/* A row that stands for many stalls, which Enter lists. */
struct screen_group {
	bool is_some;
	enum group_key key;
	struct group_row row; /* of its members only what identifies it is read */
	uint32_t tid; /* of the only loop, 0: of all */
	char name[SCREEN_GROUP_BYTES]; /* of the row, for people, raw */
};

static inline bool screen_group__has(const struct screen_group *g, const struct stall *stall)
{
	return (!g->tid || stall->tid == g->tid) && group__has(g->key, &g->row, stall);
}

/*
 * What a row is about, for Enter (detail) and e (edit). Strings live as long as the model; NULLs
 * where there are none.
 */
struct screen_subject {
	struct code_info coroutine;
	struct model_frame at; /* the line to look at */
	uint32_t pid; /* 0 if several */
	uint64_t stall_ns; /* start of the one stall it is about, 0 if of all */
	uint64_t task; /* address of the one task it is about, with its pid; 0 if of none */
	uint64_t log; /* number of the line of the log it is about, 0 if of none */
	struct lint_verdict
		verdict; /* of a finding, whatever else is at its line; NULLs if of none */
	struct screen_group group; /* instead of the detail, Enter lists its stalls */
};

struct screen_ops {
	const char *name; /* for --screen */
	const char *title;
	uint32_t key; /* switches to it */
	bool is_in_tabs; /* Tab goes through these */
	bool folds; /* its rows are victims, of which a family is one row */
	bool wants_tasks; /* it shows tasks one by one */
	bool (*wants_tasks_now)(const void *state); /* or only sometimes; may be NULL */
	const char *other; /* g shows the screen of that name, NULL: there is none */
	const char
		*keys; /* for the bottom line, "w Worst", pairs separated by two blanks, or NULL */

	/* A table: the view owns it and does the rest. */
	const struct table_ops *table;
	const struct table_ops *const *groups; /* by enum group_key, NULL: not to be grouped */
	/* Drawn above the table; returns the rows used. May be NULL. */
	int (*head)(const struct screen_area *area);
	/* comes zeroed, but for group.key: what the rows are grouped by */
	void (*subject)(const void *row, struct screen_subject *ret);

	/* Not a table: the screen's own state. All may be NULL if not needed. */
	int (*new)(void **ret_state); /* 0 or -errno */
	void (*free)(void *state);
	void (*draw)(void *state, const struct screen_area *area);
	/* Before each showing; `subject` is what the cursor was on, NULL if on nothing. */
	void (*enter)(void *state, const struct screen_subject *subject);
	const char *(*text)(void *state); /* what y copies */

	/*
	 * Sees keys before the view does. True if it took it. `table` is the screen's one, else
	 * NULL; `ret_request` comes as VIEW_REDRAW.
	 */
	bool (*input)(void *state, struct table *table, const struct view_event *event,
		      enum view_request *ret_request);
};

/* In the order of Tab. screen_NAME is defined in screen_NAME.c. */
#define SCREENS(_)                                                                                 \
	_(coroutines)                                                                              \
	_(tasks)                                                                                   \
	_(stalls)                                                                                  \
	_(victims)                                                                                 \
	_(sites)                                                                                   \
	_(loops)                                                                                   \
	_(flame)                                                                                   \
	_(log)                                                                                     \
	_(findings)                                                                                \
	_(places)                                                                                  \
	_(detail)                                                                                  \
	_(help)

enum screen_id {
#define _(name) SCREEN_##name,
	SCREENS(_)
#undef _
		SCREEN_MAX
};

#define _(name) extern const struct screen_ops screen_##name;
SCREENS(_)
#undef _

/*
 * Enter opens the screen of this name on the row's subject; Escape goes back to where one came
 * from.
 */
#define SCREEN_OF_SUBJECT "detail"
#define SCREEN_OF_HELP "help"

#endif
