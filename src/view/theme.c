/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With 256 colours those above 15 are used, which no terminal's settings change: their contrast
 * with usual backgrounds is tested. The first 16 are what the user has set; of these a light
 * background makes yellow, cyan and green hard to read. Without colours everything must still read
 * well.
 */
#include "view/theme.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define MANY_COLORS 256
#define FEW_COLORS 8
#define OWN LOOK_DEFAULT

/* The first colours of every palette. */
enum { BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE };

static const struct look looks[PALETTE_MAX][ATTR_MAX] = {
	[PALETTE_DARK] = {
		[ATTR_NORMAL] = { OWN, OWN, 0 },
		[ATTR_DIM] = { 247, OWN, 0 },
		[ATTR_FAINT] = { 239, OWN, 0 },
		[ATTR_BOLD] = { OWN, OWN, LOOK_BOLD },
		[ATTR_TITLE] = { 80, OWN, LOOK_BOLD },
		[ATTR_COLUMN] = { 252, 238, 0 },
		[ATTR_SORTED] = { 123, 238, LOOK_BOLD },
		[ATTR_SELECTED] = { 231, 24, 0 },
		[ATTR_TAGGED] = { 221, OWN, LOOK_BOLD },
		[ATTR_MATCH] = { 16, 221, 0 },
		[ATTR_KEY] = { 80, OWN, LOOK_BOLD },
		[ATTR_GOOD] = { 114, OWN, 0 },
		[ATTR_WARN] = { 214, OWN, 0 },
		[ATTR_BAD] = { 210, OWN, LOOK_BOLD },
		[ATTR_ALARM] = { 231, 160, LOOK_BOLD },
		[ATTR_CPU] = { 114, OWN, 0 },
		[ATTR_BLOCKED] = { 210, OWN, 0 },
		[ATTR_GIL] = { 214, OWN, 0 },
		[ATTR_RUNQUEUE] = { 111, OWN, 0 },
		[ATTR_BOX_OWN] = { 231, 130, 0 },
		[ATTR_BOX_LIBRARY] = { 231, 60, 0 },
		[ATTR_BOX_RUNTIME] = { 255, 240, 0 },
	},
	[PALETTE_LIGHT] = {
		[ATTR_NORMAL] = { OWN, OWN, 0 },
		[ATTR_DIM] = { 241, OWN, 0 },
		[ATTR_FAINT] = { 250, OWN, 0 },
		[ATTR_BOLD] = { OWN, OWN, LOOK_BOLD },
		[ATTR_TITLE] = { 24, OWN, LOOK_BOLD },
		[ATTR_COLUMN] = { 235, 252, 0 },
		[ATTR_SORTED] = { 18, 252, LOOK_BOLD },
		[ATTR_SELECTED] = { 16, 153, 0 },
		[ATTR_TAGGED] = { 94, OWN, LOOK_BOLD },
		[ATTR_MATCH] = { 16, 221, 0 },
		[ATTR_KEY] = { 24, OWN, LOOK_BOLD },
		[ATTR_GOOD] = { 22, OWN, 0 },
		[ATTR_WARN] = { 94, OWN, LOOK_BOLD },
		[ATTR_BAD] = { 124, OWN, LOOK_BOLD },
		[ATTR_ALARM] = { 231, 160, LOOK_BOLD },
		[ATTR_CPU] = { 22, OWN, 0 },
		[ATTR_BLOCKED] = { 124, OWN, 0 },
		[ATTR_GIL] = { 94, OWN, 0 },
		[ATTR_RUNQUEUE] = { 25, OWN, 0 },
		[ATTR_BOX_OWN] = { 16, 215, 0 },
		[ATTR_BOX_LIBRARY] = { 16, 189, 0 },
		[ATTR_BOX_RUNTIME] = { 16, 252, 0 },
	},
	[PALETTE_DARK_16] = {
		[ATTR_NORMAL] = { OWN, OWN, 0 },
		[ATTR_DIM] = { OWN, OWN, 0 },
		[ATTR_FAINT] = { OWN, OWN, LOOK_DIM },
		[ATTR_BOLD] = { OWN, OWN, LOOK_BOLD },
		[ATTR_TITLE] = { CYAN, OWN, LOOK_BOLD },
		[ATTR_COLUMN] = { BLACK, GREEN, 0 },
		[ATTR_SORTED] = { BLACK, CYAN, 0 },
		[ATTR_SELECTED] = { BLACK, CYAN, 0 },
		[ATTR_TAGGED] = { YELLOW, OWN, LOOK_BOLD },
		[ATTR_MATCH] = { BLACK, YELLOW, 0 },
		[ATTR_KEY] = { CYAN, OWN, LOOK_BOLD },
		[ATTR_GOOD] = { GREEN, OWN, 0 },
		[ATTR_WARN] = { YELLOW, OWN, 0 },
		[ATTR_BAD] = { RED, OWN, LOOK_BOLD },
		[ATTR_ALARM] = { WHITE, RED, LOOK_BOLD },
		[ATTR_CPU] = { GREEN, OWN, 0 },
		[ATTR_BLOCKED] = { RED, OWN, 0 },
		[ATTR_GIL] = { YELLOW, OWN, 0 },
		[ATTR_RUNQUEUE] = { BLUE, OWN, LOOK_BOLD },
		[ATTR_BOX_OWN] = { BLACK, YELLOW, 0 },
		[ATTR_BOX_LIBRARY] = { WHITE, BLUE, 0 },
		[ATTR_BOX_RUNTIME] = { BLACK, WHITE, 0 },
	},
	[PALETTE_LIGHT_16] = {
		[ATTR_NORMAL] = { OWN, OWN, 0 },
		[ATTR_DIM] = { OWN, OWN, 0 },
		[ATTR_FAINT] = { OWN, OWN, LOOK_DIM },
		[ATTR_BOLD] = { OWN, OWN, LOOK_BOLD },
		[ATTR_TITLE] = { BLUE, OWN, LOOK_BOLD },
		[ATTR_COLUMN] = { OWN, OWN, LOOK_REVERSE },
		[ATTR_SORTED] = { WHITE, BLUE, LOOK_BOLD },
		[ATTR_SELECTED] = { WHITE, BLUE, LOOK_BOLD },
		[ATTR_TAGGED] = { MAGENTA, OWN, LOOK_BOLD },
		[ATTR_MATCH] = { BLACK, YELLOW, 0 },
		[ATTR_KEY] = { BLUE, OWN, LOOK_BOLD },
		[ATTR_GOOD] = { OWN, OWN, 0 },
		[ATTR_WARN] = { MAGENTA, OWN, 0 },
		[ATTR_BAD] = { RED, OWN, LOOK_BOLD },
		[ATTR_ALARM] = { WHITE, RED, LOOK_BOLD },
		[ATTR_CPU] = { GREEN, OWN, 0 },
		[ATTR_BLOCKED] = { RED, OWN, 0 },
		[ATTR_GIL] = { MAGENTA, OWN, 0 },
		[ATTR_RUNQUEUE] = { BLUE, OWN, 0 },
		[ATTR_BOX_OWN] = { BLACK, YELLOW, 0 },
		[ATTR_BOX_LIBRARY] = { BLACK, CYAN, 0 },
		[ATTR_BOX_RUNTIME] = { BLACK, WHITE, 0 },
	},
	[PALETTE_MONO] = {
		[ATTR_NORMAL] = { OWN, OWN, 0 },
		[ATTR_DIM] = { OWN, OWN, LOOK_DIM },
		[ATTR_FAINT] = { OWN, OWN, LOOK_DIM },
		[ATTR_BOLD] = { OWN, OWN, LOOK_BOLD },
		[ATTR_TITLE] = { OWN, OWN, LOOK_BOLD },
		[ATTR_COLUMN] = { OWN, OWN, LOOK_REVERSE },
		[ATTR_SORTED] = { OWN, OWN, LOOK_REVERSE | LOOK_BOLD },
		[ATTR_SELECTED] = { OWN, OWN, LOOK_REVERSE },
		[ATTR_TAGGED] = { OWN, OWN, LOOK_BOLD },
		[ATTR_MATCH] = { OWN, OWN, LOOK_UNDERLINE },
		[ATTR_KEY] = { OWN, OWN, LOOK_BOLD },
		[ATTR_GOOD] = { OWN, OWN, 0 },
		[ATTR_WARN] = { OWN, OWN, 0 },
		[ATTR_BAD] = { OWN, OWN, LOOK_BOLD },
		[ATTR_ALARM] = { OWN, OWN, LOOK_REVERSE | LOOK_BOLD },
		[ATTR_CPU] = { OWN, OWN, 0 },
		[ATTR_BLOCKED] = { OWN, OWN, 0 },
		[ATTR_GIL] = { OWN, OWN, 0 },
		[ATTR_RUNQUEUE] = { OWN, OWN, 0 },
		[ATTR_BOX_OWN] = { OWN, OWN, LOOK_REVERSE | LOOK_BOLD },
		[ATTR_BOX_LIBRARY] = { OWN, OWN, LOOK_REVERSE },
		[ATTR_BOX_RUNTIME] = { OWN, OWN, LOOK_REVERSE | LOOK_DIM },
	},
};

static const struct {
	const char *word, *title;
} themes[THEME_MAX] = {
#define _(name, word, sentence) [THEME_##name] = { word, "theme " word ": " sentence },
	THEMES(_)
#undef _
};

const char *theme_word(enum theme theme)
{
	return themes[theme].word;
}

const char *theme_title(enum theme theme)
{
	return themes[theme].title;
}

enum theme theme__by_word(const char *word)
{
	enum theme theme = 0;

	while (theme < THEME_MAX && strcmp(themes[theme].word, word) != 0)
		theme++;
	return theme;
}

enum palette theme_palette(enum theme theme, int colors, bool is_light)
{
	if (theme == THEME_MONO || colors < FEW_COLORS)
		return PALETTE_MONO;
	if (theme == THEME_LIGHT || theme == THEME_DARK)
		is_light = theme == THEME_LIGHT;
	if (theme == THEME_16 || colors < MANY_COLORS)
		return is_light ? PALETTE_LIGHT_16 : PALETTE_DARK_16;
	return is_light ? PALETTE_LIGHT : PALETTE_DARK;
}

const struct look *palette_look(enum palette palette, enum canvas_attr attr)
{
	return &looks[palette][attr];
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9'  ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				       -1;
}

/* A part of a colour, of one to four hexadecimal digits: 0 ... 1000, or -1. */
static long color_part(const char **at)
{
	long value = 0, most = 0;

	for (; digit_of(**at) >= 0 && most <= 0xfff; ++*at) {
		value = value * 16 + digit_of(**at);
		most = most * 16 + 15;
	}
	return most ? value * 1000 / most : -1;
}

/* Behind what begins an answer; NULL if it is none. */
static const char *parts_of(const char *text)
{
	static const char *const heads[] = { "]11;rgb:", "]11;rgba:" };

	for (size_t i = 0; i < N_OF(heads); i++)
		if (!strncmp(text, heads[i], strlen(heads[i])))
			return text + strlen(heads[i]);
	return NULL;
}

bool background_by_answer(const char *text, bool *ret_is_light)
{
	static const long weights[] = { 299, 587, 114 }; /* of red, green, blue: ITU-R BT.601 */
	const char *at = parts_of(text);
	long sum = 0;

	for (size_t i = 0; i < N_OF(weights); i++) {
		const long part = at ? color_part(&at) : -1;

		if (part < 0 || (i + 1 < N_OF(weights) && *at++ != '/'))
			return false;
		sum += part * weights[i];
	}
	*ret_is_light = sum >= 500000;
	return true;
}

bool background_by_variable(const char *text, bool *ret_is_light)
{
	const char *last = strrchr(text, ';');
	char *end;
	const long color = last ? strtol(last + 1, &end, 10) : -1;

	if (color < 0 || color > 15 || end == last + 1 || *end)
		return false;
	*ret_is_light = color == WHITE || color > 8; /* 8 is a dark grey */
	return true;
}
