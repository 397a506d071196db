/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Themes: what the attributes of cells look like. A theme is what the user asks for, a palette what
 * that is on a terminal with so many colours and such a background. Pure.
 */
#ifndef LOOPSTALL_VIEW_THEME_H
#define LOOPSTALL_VIEW_THEME_H

#include <stdbool.h>
#include <stdint.h>

#include "view/canvas.h"

/* THEMES(_) : _(NAME, "word of --theme", "what it is") */
#define THEMES(_)                                                                                  \
	_(AUTO, "auto", "as the terminal's background is")                                         \
	_(DARK, "dark", "for a dark background")                                                   \
	_(LIGHT, "light", "for a light background")                                                \
	_(16, "16", "the 16 colours that the terminal was set to")                                 \
	_(MONO, "mono", "no colours")

enum theme {
#define _(name, word, sentence) THEME_##name,
	THEMES(_)
#undef _
		THEME_MAX
};

/* PALETTES(_) : _(NAME, "word") */
#define PALETTES(_)                                                                                \
	_(DARK, "dark")                                                                            \
	_(LIGHT, "light")                                                                          \
	_(DARK_16, "16-dark")                                                                      \
	_(LIGHT_16, "16-light")                                                                    \
	_(MONO, "mono")

enum palette {
#define _(name, word) PALETTE_##name,
	PALETTES(_)
#undef _
		PALETTE_MAX
};

enum look_style {
	LOOK_BOLD = 1,
	LOOK_DIM = 2,
	LOOK_REVERSE = 4,
	LOOK_UNDERLINE = 8,
};

#define LOOK_DEFAULT (-1) /* the terminal's own colour */

struct look {
	int16_t foreground, background; /* numbers of the terminal's palette, or LOOK_DEFAULT */
	uint8_t style; /* enum look_style */
};

const char *theme_word(enum theme theme);
/* "theme dark: for a dark background" */
const char *theme_title(enum theme theme);
/* THEME_MAX if there is none of that name. */
enum theme theme__by_word(const char *word);

/* `colors`: how many the terminal has, 0: none, or none are wanted. */
enum palette theme_palette(enum theme theme, int colors, bool is_light);
const struct look *palette_look(enum palette palette, enum canvas_attr attr);

/*
 * Whether the background that a terminal reports is a light one: "]11;rgb:ffff/ffff/ffff", the
 * answer to OSC 11, or "0;15", the variable COLORFGBG. False if that is not what the text says.
 */
bool background_by_answer(const char *text, bool *ret_is_light);
bool background_by_variable(const char *text, bool *ret_is_light);

#endif
