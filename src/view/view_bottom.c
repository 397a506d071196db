/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bottom line: the prompt, or a message and the keys that have an effect here, as many as fit
 * behind it.
 */
#include <string.h>

#include "base/array.h"
#include "view/view_impl.h"

#define KEY_GAP 2
#define MESSAGE_GAP 4 /* with the margin */

/* What a key needs to be shown. */
enum need {
	NEEDS_TABLE = 1,
	NEEDS_ROW = 2, /* with a detail */
	NEEDS_SOURCE = 4,
	NEEDS_TEXT = 8,
	NEEDS_LIST = 16, /* that could be a tree */
	NEEDS_TREE = 32,
	NEEDS_RUN = 64,
	NEEDS_PAUSE = 128,
	NEEDS_HELP = 256,
	NEEDS_TAGS = 512,
	NEEDS_LIVE = 1024,
	NEEDS_REPLAY = 2048,
	NEEDS_GROUP = 4096, /* a row that stands for many stalls */
	NEEDS_BACK = 8192, /* those of one are listed */
	NEEDS_FAMILY = 16384, /* a row that stands for several */
};

/*
 * The first word is the key. The most wanted first; those before the screen's own ones always come
 * first.
 */
static const struct bottom_key {
	const char *text;
	unsigned int needs;
} first_keys[] = {
	{ "F1 Help", NEEDS_HELP },
	{ "Enter Detail", NEEDS_ROW },
	{ "Enter Stalls", NEEDS_GROUP },
	{ "Enter Unfold", NEEDS_FAMILY },
	{ "Esc Back", NEEDS_BACK },
	{ "p Continue", NEEDS_PAUSE },
}, keys[] = {
	{ "p Stop/play", NEEDS_REPLAY },
	{ ",. Seek", NEEDS_REPLAY },
	{ "{} Seek far", NEEDS_REPLAY },
	{ "+- Speed", NEEDS_REPLAY },
	{ "r Rewind", NEEDS_REPLAY },
	{ "/ Search", NEEDS_TABLE },
	{ "\\ Filter", NEEDS_TABLE },
	{ "t Tree", NEEDS_LIST },
	{ "t List", NEEDS_TREE },
	{ "Tab Next", 0 },
	{ "F6 Sort", NEEDS_TABLE },
	{ "p Pause", NEEDS_RUN | NEEDS_LIVE },
	{ "Space Tag", NEEDS_TABLE },
	{ "c Tag branch", NEEDS_TREE },
	{ "U Untag", NEEDS_TAGS },
	{ "e Edit", NEEDS_SOURCE },
	{ "y Copy", NEEDS_TEXT },
	{ "S Save", 0 },
	{ "r Reset", NEEDS_LIVE },
	{ "+- Refresh", NEEDS_LIVE },
	{ "[] Threshold", NEEDS_LIVE },
	{ "F2 Setup", 0 },
	{ "F Follow", NEEDS_TABLE },
	{ "I Invert", NEEDS_TABLE },
};

static const char last_key[] = "q Quit";

static unsigned int what_is_there(const struct view *v)
{
	const struct table *t = view__table(v);
	bool has_tree = t && table__ops(t)->parent;
	unsigned int is = v->is_paused ? NEEDS_PAUSE : NEEDS_RUN;
	const char *file;
	uint32_t line;

	is |= v->is_replay ? NEEDS_REPLAY : NEEDS_LIVE;
	if (t)
		is |= NEEDS_TABLE;
	if (t && v->has_subject)
		is |= v->family ? NEEDS_FAMILY : v->subject.group.is_some ? NEEDS_GROUP : NEEDS_ROW;
	if (view__is_listing_group(v))
		is |= NEEDS_BACK;
	if (view__edit(v, &file, &line) == 0)
		is |= NEEDS_SOURCE;
	if (view__copied(v)[0])
		is |= NEEDS_TEXT;
	if (has_tree)
		is |= table__is_tree(t) ? NEEDS_TREE : NEEDS_LIST;
	if (t && table__tagged(t) > 0)
		is |= NEEDS_TAGS;
	if (view__find_screen(SCREEN_OF_HELP) >= 0)
		is |= NEEDS_HELP;
	return is;
}

/* What a click on a column of a key's name means: "Enter" is one key, "<>" are two. */
static uint32_t key_named(const char *name, size_t length, size_t column)
{
	static const struct {
		const char *name;
		uint32_t key;
	} names[] = {
		{ "Enter", VKEY_ENTER }, { "Esc", VKEY_ESCAPE }, { "Space", ' ' },
		{ "Tab", VKEY_TAB },	 { "F1", FUNCTION(1) },	 { "F2", FUNCTION(2) },
		{ "F6", FUNCTION(6) },
	};

	for (size_t i = 0; i < N_OF(names); i++)
		if (strlen(names[i].name) == length && !strncmp(names[i].name, name, length))
			return names[i].key;
	return (unsigned char)name[column < length ? column : 0];
}

static void add_hit(struct view *v, int at, int width, uint32_t key)
{
	struct view_hit *last = v->n_hits > 0 ? &v->hits[v->n_hits - 1] : NULL;

	if (last && last->key == key && last->at + last->width == at)
		last->width += width;
	else if (v->n_hits < VIEW_MAX_HITS)
		v->hits[v->n_hits++] = (struct view_hit){ at, width, key };
}

/* Returns the columns it takes with the gap behind; nothing if it does not end before `end`. */
static int draw_key(struct view *v, struct canvas *c, int row, int at, int end, const char *text,
		    size_t length)
{
	size_t key = strcspn(text, " "), i;

	if (at + (int)length > end)
		return 0;
	canvas__printf(c, row, at, (int)length, ATTR_KEY, "%.*s", (int)key, text);
	canvas__printf(c, row, at + (int)key, (int)(length - key), ATTR_NORMAL, "%.*s",
		       (int)(length - key), text + key);
	for (i = 0; i < key; i++)
		add_hit(v, at + (int)i, 1, key_named(text, key, i));
	add_hit(v, at + (int)key, (int)(length - key), key_named(text, key, 0));
	return (int)length + KEY_GAP;
}

static int draw_list(struct view *v, struct canvas *c, int row, int at, int end,
		     const struct bottom_key *list, size_t n)
{
	unsigned int is = what_is_there(v);

	for (size_t i = 0; i < n; i++)
		if ((list[i].needs & ~is) == 0)
			at += draw_key(v, c, row, at, end, list[i].text, strlen(list[i].text));
	return at;
}

/* Pairs separated by two blanks. */
static int draw_pairs(struct view *v, struct canvas *c, int row, int at, int end, const char *pairs)
{
	size_t n;

	for (; pairs && *pairs; pairs += n + strspn(pairs + n, " ")) {
		const char *gap = strstr(pairs, "  ");

		n = gap ? (size_t)(gap - pairs) : strlen(pairs);
		at += draw_key(v, c, row, at, end, pairs, n);
	}
	return at;
}

/* As they fit from `at` on; the last one is always there, unless a message takes its place. */
static void draw_keys(struct view *v, struct canvas *c, int row, int at)
{
	int columns = canvas__columns(c);
	int end = columns - (int)sizeof(last_key) - KEY_GAP + 1;

	if (v->menu.kind != MENU_NONE) {
		draw_pairs(v, c, row, at, columns, menu__keys(v));
		return;
	}
	at = draw_list(v, c, row, at, end, first_keys, N_OF(first_keys));
	at = draw_pairs(v, c, row, at, end, view__ops(v->current)->keys);
	at = draw_list(v, c, row, at, end, keys, N_OF(keys));
	draw_key(v, c, row, at, columns, last_key, sizeof(last_key) - 1);
}

void bottom__draw(struct view *v, const struct view_status *status, struct canvas *c)
{
	int row = canvas__rows(c) - 1, columns = canvas__columns(c), at = 1;

	v->bottom_row = row;
	v->n_hits = 0;
	if (v->prompt.kind != PROMPT_NONE) {
		prompt__draw(v, c, row);
		return;
	}
	if (v->message)
		at = canvas__text(c, row, 1, columns - 1, ATTR_WARN, v->message) + MESSAGE_GAP;
	else if (status->message && status->message[0])
		at = canvas__text(c, row, 1, columns - 1, ATTR_BOLD, status->message) + MESSAGE_GAP;
	draw_keys(v, c, row, at);
}

uint32_t bottom__key(const struct view *v, int row, int column)
{
	for (size_t i = 0; row == v->bottom_row && i < v->n_hits; i++)
		if (column >= v->hits[i].at && column < v->hits[i].at + v->hits[i].width)
			return v->hits[i].key;
	return KEY_NONE;
}
