/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See curses_keys.h.
 */
#include "view/curses_keys.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "base/array.h"

static const struct {
	int curses;
	uint32_t key;
} keys[] = {
	{ KEY_UP, VKEY_UP },
	{ KEY_DOWN, VKEY_DOWN },
	{ KEY_LEFT, VKEY_LEFT },
	{ KEY_RIGHT, VKEY_RIGHT },
	{ KEY_PPAGE, VKEY_PAGE_UP },
	{ KEY_NPAGE, VKEY_PAGE_DOWN },
	{ KEY_HOME, VKEY_HOME },
	{ KEY_END, VKEY_END },
	{ KEY_ENTER, VKEY_ENTER },
	{ KEY_BTAB, VKEY_BACKTAB },
	{ KEY_BACKSPACE, VKEY_BACKSPACE },
	{ KEY_DC, VKEY_DELETE },
};

uint32_t curses_key_of_character(wint_t c)
{
	switch (c) {
	case '\r':
	case '\n':
		return VKEY_ENTER;
	case '\t':
		return VKEY_TAB;
	case 27:
		return VKEY_ESCAPE;
	case 8:
	case 127:
		return VKEY_BACKSPACE;
	}
	return c;
}

static bool read_mouse(struct view_event *ret_event)
{
	MEVENT mouse;

	if (getmouse(&mouse) != OK)
		return false;
	*ret_event = (struct view_event){ .key = VKEY_MOUSE, .row = mouse.y, .column = mouse.x };
	if (mouse.bstate & BUTTON4_PRESSED)
		ret_event->key = VKEY_WHEEL_UP;
	else if (mouse.bstate & BUTTON5_PRESSED)
		ret_event->key = VKEY_WHEEL_DOWN;
	return true;
}

bool curses_key_translate(wint_t c, struct view_event *ret_event)
{
	*ret_event = (struct view_event){ .key = KEY_NONE };
	if (c == KEY_RESIZE)
		return true;
	if (c == KEY_MOUSE)
		return read_mouse(ret_event);
	if (c >= KEY_F(1) && c <= KEY_F(12)) {
		ret_event->key = VKEY_F1 + (c - KEY_F(1));
		return true;
	}
	for (size_t i = 0; i < N_OF(keys); i++) {
		if ((wint_t)keys[i].curses == c) {
			ret_event->key = keys[i].key;
			return true;
		}
	}
	return false;
}
