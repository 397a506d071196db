/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal, the only user of curses. Shows a canvas, reads keys and the mouse, and restores the
 * terminal on every exit path. At most one exists. Meanwhile, messages to stderr are kept and
 * printed afterwards.
 */
#ifndef LOOPSTALL_VIEW_SCREEN_H
#define LOOPSTALL_VIEW_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "view/canvas.h"
#include "view/theme.h"
#include "view/view.h"

/* Keys that are for the owner, not for a view: they arrive as these code points. */
#define SCREEN_CTRL_C 3
#define SCREEN_CTRL_Z 26

struct screen;

/*
 * Takes over the terminal on stdin and stdout. Asks it for its background if the theme depends on
 * that. 0, -ENOTTY or -errno with err filled.
 */
int screen__new(struct screen **ret_screen, enum theme theme, struct err *err);
/* What is drawn from now on. */
void screen__set_theme(struct screen *s, enum theme theme);
/* Restores the terminal, then prints the kept messages. */
void screen__free(struct screen *s);
static inline void screen__freep(struct screen **s)
{
	screen__free(*s);
}

/* Why there can be none: "its input or output is none", NULL if there can. */
const char *screen_refusal(void);
/* For a program that ends at once, from a signal handler or another thread. */
void screen_give_back(void);
bool screen__is_utf8(const struct screen *s);
void screen__size(const struct screen *s, int *ret_rows, int *ret_columns);
void screen__draw(struct screen *s, const struct canvas *c);

/*
 * Reads the next pending event: 1, 0 if there is none, -EPIPE if the terminal is gone. A new size,
 * and new colours, arrive as KEY_NONE.
 */
int screen__read(struct screen *s, struct view_event *ret_event);
/* Events were read already, before anybody asked: stdin need not be readable. */
bool screen__has_read(const struct screen *s);

/*
 * The last line written to the error output since the last call; false if there was none. Not
 * escaped.
 */
bool screen__take_message(struct screen *s, char *buf, size_t size);
/* Asks the terminal to put `text` into the clipboard (OSC 52). 0 or -errno. */
int screen__copy(struct screen *s, const char *text);

/* Gives the terminal back for a while, and takes it again. */
void screen__leave(struct screen *s);
void screen__enter(struct screen *s);
/* Stops the job, as Ctrl-Z does; returns when it is continued. */
void screen__suspend(struct screen *s);

#endif
