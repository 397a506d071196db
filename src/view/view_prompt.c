/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Search and filter while they are typed.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "view/view_impl.h"

void prompt__open(struct view *v, enum prompt_kind kind)
{
	struct view_prompt *p = &v->prompt;

	p->kind = kind;
	p->is_bad = false;
	p->recalled = 0;
	p->draft[0] = p->typed[0] = '\0';
	table__mark(view__table(v), &p->before);
	if (kind == PROMPT_FILTER)
		strcpy(p->typed, p->before.filter);
	p->at = strlen(p->typed);
}

static void apply(struct view *v)
{
	struct view_prompt *p = &v->prompt;
	struct table *t = view__table(v);

	if (p->kind == PROMPT_FILTER) {
		p->is_bad = table__filter(t, p->typed) != 0;
		return;
	}
	p->is_bad = table__search(t, p->typed) != 0;
	/* Each search begins where the first one did. */
	if (!p->is_bad)
		table__return(t, &p->before);
}

static void remember(struct prompt_history *h, const char *line)
{
	size_t i = 0;

	if (!line[0])
		return;
	while (i < h->n && strcmp(h->lines[i], line) != 0)
		i++;
	if (i == h->n && h->n < PROMPT_LINES)
		h->n++;
	if (i == PROMPT_LINES)
		i--;
	memmove(h->lines[1], h->lines[0], i * sizeof(h->lines[0]));
	strcpy(h->lines[0], line);
}

static void recall(struct view *v, int direction)
{
	struct view_prompt *p = &v->prompt;
	const struct prompt_history *h = &p->history[p->kind];

	if (direction > 0 ? p->recalled == h->n : p->recalled == 0)
		return;
	if (p->recalled == 0)
		strcpy(p->draft, p->typed);
	p->recalled += (size_t)direction;
	strcpy(p->typed, p->recalled ? h->lines[p->recalled - 1] : p->draft);
	p->at = strlen(p->typed);
	apply(v);
}

static bool is_middle(char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t char_before(const struct view_prompt *p)
{
	size_t at = p->at;

	while (at > 0 && is_middle(p->typed[--at]))
		;
	return at;
}

static size_t char_behind(const struct view_prompt *p)
{
	size_t at = p->at;

	while (p->typed[at] && is_middle(p->typed[++at]))
		;
	return at;
}

/* Blanks before the cursor and the word before them. */
static size_t word_before(const struct view_prompt *p)
{
	size_t at = p->at;

	while (at > 0 && p->typed[at - 1] == ' ')
		at--;
	while (at > 0 && p->typed[at - 1] != ' ')
		at--;
	return at;
}

static void erase(struct view *v, size_t from, size_t to)
{
	struct view_prompt *p = &v->prompt;

	memmove(p->typed + from, p->typed + to, strlen(p->typed + to) + 1);
	p->at = from;
	if (from != to)
		apply(v);
}

static void insert(struct view *v, uint32_t key)
{
	struct view_prompt *p = &v->prompt;
	char bytes[UTF8_MAX_BYTES];
	size_t used = strlen(p->typed), n;

	if (key < 0x20 || key >= KEYS_SPECIAL || (key >= 0x7f && key < 0xa0) ||
	    used + UTF8_MAX_BYTES >= sizeof(p->typed))
		return;
	n = utf8__encode(key, bytes);
	memmove(p->typed + p->at + n, p->typed + p->at, used - p->at + 1);
	memcpy(p->typed + p->at, bytes, n);
	p->at += n;
	apply(v);
}

static void close_prompt(struct view *v, bool is_kept)
{
	struct view_prompt *p = &v->prompt;

	if (!is_kept)
		table__restore(view__table(v), &p->before);
	else if (p->is_bad)
		v->message = "That is not a regular expression: see regex(7).";
	else
		remember(&p->history[p->kind], p->typed);
	/* So that it is said once more what was not found. */
	if (is_kept && p->kind == PROMPT_SEARCH && !p->is_bad)
		apply(v);
	p->kind = PROMPT_NONE;
}

/* Whether it is a key that moves the cursor. */
static bool move_cursor(struct view_prompt *p, uint32_t key)
{
	switch (key) {
	case VKEY_LEFT:
		p->at = char_before(p);
		break;
	case VKEY_RIGHT:
		p->at = char_behind(p);
		break;
	case VKEY_HOME:
	case CONTROL('A'):
		p->at = 0;
		break;
	case VKEY_END:
	case CONTROL('E'):
		p->at = strlen(p->typed);
		break;
	default:
		return false;
	}
	return true;
}

void prompt__key(struct view *v, uint32_t key)
{
	struct view_prompt *p = &v->prompt;

	if (move_cursor(p, key))
		return;
	switch (key) {
	case VKEY_ENTER:
		close_prompt(v, true);
		break;
	case VKEY_ESCAPE:
	case CONTROL('C'):
		close_prompt(v, false);
		break;
	case VKEY_BACKSPACE:
		erase(v, char_before(p), p->at);
		break;
	case VKEY_DELETE:
		erase(v, p->at, char_behind(p));
		break;
	case CONTROL('U'):
		erase(v, 0, p->at);
		break;
	case CONTROL('W'):
		erase(v, word_before(p), p->at);
		break;
	case VKEY_UP:
		recall(v, 1);
		break;
	case VKEY_DOWN:
		recall(v, -1);
		break;
	default:
		insert(v, key);
	}
}

/* What is typed stands as far to the left as needed for the cursor to be seen. */
void prompt__draw(const struct view *v, struct canvas *c, int row)
{
	const struct view_prompt *p = &v->prompt;
	enum canvas_attr attr = p->is_bad ? ATTR_BAD : ATTR_BOLD;
	char before[TABLE_PATTERN_BYTES], under[UTF8_MAX_BYTES + 1];
	size_t behind = char_behind(p), from = 0;
	int at, columns = canvas__columns(c);

	at = 1 +
		canvas__text(c, row, 1, columns - 1, ATTR_BOLD,
			     p->kind == PROMPT_SEARCH ? "Search: /" : "Filter: ");
	snprintf(before, sizeof(before), "%.*s", (int)p->at, p->typed);
	while (before[from] && at + text_columns(before + from) + 2 > columns)
		while (is_middle(before[++from]))
			;
	at += canvas__text(c, row, at, columns - at, attr, before + from);
	snprintf(under, sizeof(under), "%.*s", (int)(behind - p->at), p->typed + p->at);
	if (under[0])
		at += canvas__text(c, row, at, columns - at, ATTR_SELECTED, under);
	else
		at += canvas__text(c, row, at, columns - at, attr, "_");
	at += canvas__text(c, row, at, columns - at, attr, p->typed + behind);
	if (p->is_bad)
		canvas__text(c, row, at, columns - at, ATTR_BAD, "  not a regular expression");
	else if (v->message)
		canvas__printf(c, row, at, columns - at, ATTR_WARN, "  %s", v->message);
}
