/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sequence whose end does not come in time was none: what follows are keys again.
 */
#include "view/escapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"

#define ESCAPE 27
#define BELL 7
#define STRING_END '\\'
#define ATTRIBUTES_END 'c' /* of "?62;1;4c", what a terminal is */
#define COMMAND_BEGIN ']' /* of the operating system: a colour, among others */
#define MOUSE_BYTES 3
#define MOUSE_OFFSET 32 /* of what Esc [ M is followed by */
#define LONGEST_GAP_NS (100 * NS_PER_MS)
#define LONGEST_PASTE_GAP_NS NS_PER_S
#define PASTE_BEGIN "200~"
#define PASTE_END "201~"

/* Behind Esc [. */
static const struct {
	const char *text;
	uint32_t key;
} controls[] = {
	{ "A", VKEY_UP },	{ "B", VKEY_DOWN },	{ "C", VKEY_RIGHT },
	{ "D", VKEY_LEFT },	{ "H", VKEY_HOME },	{ "1~", VKEY_HOME },
	{ "7~", VKEY_HOME },	{ "F", VKEY_END },	{ "4~", VKEY_END },
	{ "8~", VKEY_END },	{ "5~", VKEY_PAGE_UP }, { "6~", VKEY_PAGE_DOWN },
	{ "3~", VKEY_DELETE },	{ "Z", VKEY_BACKTAB },	{ "11~", VKEY_F1 },
	{ "12~", VKEY_F1 + 1 }, { "13~", VKEY_F1 + 2 }, { "14~", VKEY_F1 + 3 },
	{ "15~", VKEY_F1 + 4 }, { "17~", VKEY_F1 + 5 }, { "18~", VKEY_F1 + 6 },
	{ "19~", VKEY_F1 + 7 }, { "20~", VKEY_F1 + 8 }, { "21~", VKEY_F1 + 9 },
};

/* Behind Esc O. */
static const struct {
	char final;
	uint32_t key;
} shifts[] = {
	{ 'A', VKEY_UP },     { 'B', VKEY_DOWN },   { 'C', VKEY_RIGHT },  { 'D', VKEY_LEFT },
	{ 'H', VKEY_HOME },   { 'F', VKEY_END },    { 'M', VKEY_ENTER },  { 'P', VKEY_F1 },
	{ 'Q', VKEY_F1 + 1 }, { 'R', VKEY_F1 + 2 }, { 'S', VKEY_F1 + 3 },
};

void escapes__reset(struct escapes *e)
{
	e->state = ESCAPES_NORMAL;
	e->n = 0;
}

static enum escapes_found found(struct escapes *e, uint32_t key, struct view_event *ret_event)
{
	escapes__reset(e);
	if (e->is_pasting || !key)
		return ESCAPES_NOTHING;
	*ret_event = (struct view_event){ .key = key };
	return ESCAPES_KEY;
}

/* A button's press at a place; other reports of the mouse mean nothing here. */
static enum escapes_found found_mouse(struct escapes *e, unsigned long button, long column,
				      long row, struct view_event *ret_event)
{
	const uint32_t key = button == 0 ? VKEY_MOUSE :
		button == 64		 ? VKEY_WHEEL_UP :
		button == 65		 ? VKEY_WHEEL_DOWN :
					   KEY_NONE;
	const enum escapes_found r = found(e, column > 0 && row > 0 ? key : KEY_NONE, ret_event);

	if (r == ESCAPES_KEY) {
		ret_event->column = (int)column - 1;
		ret_event->row = (int)row - 1;
	}
	return r;
}

/* "<0;12;7M": button, column, row; m in place of M: the button was released */
static enum escapes_found end_mouse(struct escapes *e, struct view_event *ret_event)
{
	char *at = e->text + 1;
	const bool is_press = e->text[e->n - 1] == 'M';
	const unsigned long button = strtoul(at, &at, 10);
	const long column = *at == ';' ? strtol(at + 1, &at, 10) : 0;
	const long row = *at == ';' ? strtol(at + 1, &at, 10) : 0;

	return is_press && row < INT16_MAX && column < INT16_MAX ?
		found_mouse(e, button, column, row, ret_event) :
		found(e, KEY_NONE, ret_event);
}

/* Not in a paste, which others write. */
static enum escapes_found answer(struct escapes *e)
{
	escapes__reset(e);
	return e->is_pasting ? ESCAPES_NOTHING : ESCAPES_ANSWER;
}

static enum escapes_found end_control(struct escapes *e, struct view_event *ret_event)
{
	uint32_t key = KEY_NONE;

	e->text[e->n] = '\0';
	if (*e->text == '<')
		return end_mouse(e, ret_event);
	if (*e->text == '?' && e->text[e->n - 1] == ATTRIBUTES_END)
		return answer(e);
	if (!strcmp(e->text, PASTE_END)) {
		e->is_pasting = false;
	} else if (!strcmp(e->text, PASTE_BEGIN)) {
		e->is_pasting = true;
	} else {
		for (size_t i = 0; i < N_OF(controls); i++)
			if (!strcmp(controls[i].text, e->text))
				key = controls[i].key;
	}
	return found(e, key, ret_event);
}

/* Parameters, then one character from @ to ~. One that is too long means nothing. */
static enum escapes_found control(struct escapes *e, uint32_t c, struct view_event *ret_event)
{
	if (c < ' ' || c > '~') {
		escapes__reset(e);
		return ESCAPES_NOTHING;
	}
	if (!e->n && c == 'M') {
		e->state = ESCAPES_MOUSE;
		return ESCAPES_NOTHING;
	}
	if (e->n < ESCAPES_BYTES - 1)
		e->text[e->n++] = (char)c;
	else
		*e->text = '?';
	return c < '@' ? ESCAPES_NOTHING : end_control(e, ret_event);
}

static enum escapes_found shift(struct escapes *e, uint32_t c, struct view_event *ret_event)
{
	uint32_t key = KEY_NONE;

	for (size_t i = 0; i < N_OF(shifts); i++)
		if ((uint32_t)shifts[i].final == c)
			key = shifts[i].key;
	return found(e, key, ret_event);
}

static enum escapes_found mouse(struct escapes *e, uint32_t c, struct view_event *ret_event)
{
	e->text[e->n++] = (char)(c < MOUSE_OFFSET || c > 255 ? 0 : c - MOUSE_OFFSET);
	if (e->n < MOUSE_BYTES)
		return ESCAPES_NOTHING;
	return found_mouse(e, (uint8_t)e->text[0], (uint8_t)e->text[1], (uint8_t)e->text[2],
			   ret_event);
}

static enum escapes_found begin_string(struct escapes *e, uint32_t c)
{
	e->state = ESCAPES_STRING;
	e->text[0] = (char)c;
	e->n = 1;
	return ESCAPES_NOTHING;
}

/* Only commands of the operating system are answers; what does not fit is none. */
static enum escapes_found end_string(struct escapes *e)
{
	const bool is_answer = *e->text == COMMAND_BEGIN && e->n < ESCAPES_BYTES;

	e->text[is_answer ? e->n : 0] = '\0';
	escapes__reset(e);
	return is_answer ? answer(e) : ESCAPES_NOTHING;
}

static enum escapes_found string(struct escapes *e, uint32_t c)
{
	if (c == BELL || (e->state == ESCAPES_STRING_END && c == STRING_END))
		return end_string(e);
	if (e->state == ESCAPES_STRING && c != ESCAPE && e->n < ESCAPES_BYTES)
		e->text[e->n++] = c < 0x80 ? (char)c : '?';
	e->state = c == ESCAPE ? ESCAPES_STRING_END : ESCAPES_STRING;
	return ESCAPES_NOTHING;
}

static enum escapes_found begun(struct escapes *e, uint32_t c, struct view_event *ret_event)
{
	switch (c) {
	case ESCAPE:
		*ret_event = (struct view_event){ .key = VKEY_ESCAPE };
		return e->is_pasting ? ESCAPES_NOTHING : ESCAPES_KEY;
	case '[':
		e->state = ESCAPES_CONTROL;
		return ESCAPES_NOTHING;
	case 'O':
		e->state = ESCAPES_SHIFT;
		return ESCAPES_NOTHING;
	case COMMAND_BEGIN:
	case 'P':
	case 'X':
	case '^':
	case '_':
		return begin_string(e, c);
	default: /* Alt and a key, or Esc and a key that were read at once */
		e->is_again = true;
		return found(e, VKEY_ESCAPE, ret_event);
	}
}

static enum escapes_found normal(struct escapes *e, uint32_t c, struct view_event *ret_event)
{
	if (c == ESCAPE) {
		e->state = ESCAPES_BEGUN;
		return ESCAPES_NOTHING;
	}
	*ret_event = (struct view_event){ .is_pasted = e->is_pasting };
	return ESCAPES_CHARACTER;
}

enum escapes_found escapes__feed(struct escapes *e, uint32_t c, uint64_t now_ns,
				 struct view_event *ret_event)
{
	const uint64_t gap_ns = now_ns - e->last_ns;

	e->last_ns = now_ns;
	e->is_again = false;
	if (gap_ns > LONGEST_GAP_NS)
		escapes__reset(e);
	if (gap_ns > LONGEST_PASTE_GAP_NS)
		e->is_pasting = false;
	switch (e->state) {
	case ESCAPES_BEGUN:
		return begun(e, c, ret_event);
	case ESCAPES_CONTROL:
		return control(e, c, ret_event);
	case ESCAPES_SHIFT:
		return shift(e, c, ret_event);
	case ESCAPES_MOUSE:
		return mouse(e, c, ret_event);
	case ESCAPES_STRING:
	case ESCAPES_STRING_END:
		return string(e, c);
	default:
		return normal(e, c, ret_event);
	}
}

bool escapes__idle(struct escapes *e, struct view_event *ret_event)
{
	if (e->state != ESCAPES_BEGUN)
		return false;
	return found(e, VKEY_ESCAPE, ret_event) == ESCAPES_KEY;
}
