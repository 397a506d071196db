/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What curses calls the keys and the mouse, as events of a view.
 */
#ifndef LOOPSTALL_VIEW_CURSES_KEYS_H
#define LOOPSTALL_VIEW_CURSES_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

#include "view/view.h"

/* Of a key code of curses (KEY_CODE_YES). False for a key that means nothing to us. */
bool curses_key_translate(wint_t c, struct view_event *ret_event);
/* Of a character: itself, or the key that sends it. */
uint32_t curses_key_of_character(wint_t c);

#endif
