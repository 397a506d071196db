/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the description of a terminal leaves unexplained: sequences of characters that begin with
 * Esc. Each is read to its end, so that no part of it counts as a key. Those of usual terminals
 * become the keys that they stand for, the others nothing. Pure. Sources: ECMA-48 5.4 and 5.6, the
 * control sequences of xterm.
 */
#ifndef LOOPSTALL_VIEW_ESCAPES_H
#define LOOPSTALL_VIEW_ESCAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view/view.h"

#define ESCAPES_BYTES 48 /* of a sequence that may mean something */

struct escapes {
	enum {
		ESCAPES_NORMAL,
		ESCAPES_BEGUN, /* Esc: the key, or the first character of a sequence */
		ESCAPES_CONTROL, /* Esc [ */
		ESCAPES_SHIFT, /* Esc O, and one more character */
		ESCAPES_STRING, /* up to a bell or Esc \ */
		ESCAPES_STRING_END, /* the Esc of it */
		ESCAPES_MOUSE, /* Esc [ M, and three more characters */
	} state;
	bool is_again; /* the character was not used: it is to be fed once more */
	bool is_pasting; /* between Esc [200~ and Esc [201~ */
	size_t n;
	char text[ESCAPES_BYTES]; /* what came behind Esc [, or from Esc ] on */
	uint64_t last_ns; /* when the last character came */
};

enum escapes_found {
	ESCAPES_NOTHING,
	ESCAPES_CHARACTER, /* the character stands for itself; ret_event says whether it was pasted
			    */
	ESCAPES_KEY, /* ret_event has it */
	ESCAPES_ANSWER, /* of the terminal to a question; `text` has it: "]11;rgb:..." or "?62c" */
};

/* The next character, read at `now_ns`. */
enum escapes_found escapes__feed(struct escapes *e, uint32_t c, uint64_t now_ns,
				 struct view_event *ret_event);
/* There is no further character now: true for an Esc that began nothing, with the key. */
bool escapes__idle(struct escapes *e, struct view_event *ret_event);
/* A key that the terminal's description explains came in between. */
void escapes__reset(struct escapes *e);

#endif
