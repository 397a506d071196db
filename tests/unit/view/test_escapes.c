/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Characters in, keys out: no part of a sequence is a key.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/time.h"
#include "view/escapes.h"

#define MAX_EVENTS 64

static struct escapes e;
static uint64_t now_ns;
static size_t n;
static struct view_event events[MAX_EVENTS];

/* All at once, and then a pause. A character is an event with its own code. */
static void types(const char *text)
{
	struct view_event event;

	n = 0;
	now_ns += NS_PER_S / 2;
	for (; *text; text++) {
		switch (escapes__feed(&e, (uint8_t)*text, now_ns, &event)) {
		case ESCAPES_CHARACTER:
			event.key = (uint8_t)*text;
			events[n++] = event;
			break;
		case ESCAPES_KEY:
			events[n++] = event;
			text -= e.is_again;
			break;
		default:
			break;
		}
	}
	if (escapes__idle(&e, &event))
		events[n++] = event;
}

static void expect_key(const char *text, uint32_t key)
{
	types(text);
	cr_expect_eq(n, 1, "%zu events of %s", n, text + 1);
	cr_expect_eq(events[0].key, key, "%u of %s", events[0].key, text + 1);
}

static void expect_nothing(const char *text)
{
	types(text);
	cr_expect_eq(n, 0, "%zu events of %s", n, text + 1);
}

Test(escapes, keys_whatever_the_description_of_the_terminal_says)
{
	expect_key("\033", VKEY_ESCAPE);
	expect_key("[", '[');
	expect_key("\033[1~", VKEY_HOME);
	expect_key("\033[7~", VKEY_HOME);
	expect_key("\033[H", VKEY_HOME);
	expect_key("\033OH", VKEY_HOME);
	expect_key("\033[4~", VKEY_END);
	expect_key("\033[8~", VKEY_END);
	expect_key("\033[F", VKEY_END);
	expect_key("\033[5~", VKEY_PAGE_UP);
	expect_key("\033[Z", VKEY_BACKTAB);
	expect_key("\033OP", VKEY_F1);
	expect_key("\033[21~", VKEY_F1 + 9);
}

Test(escapes, what_is_not_known_is_no_key)
{
	expect_nothing("\033[I"); /* the window has the focus */
	expect_nothing("\033[O");
	expect_nothing("\033[?62;1;4c");
	expect_nothing("\033[1;5A");
	expect_nothing("\033[200;300;400;500;600;700;800;900;1000;1100x");
	expect_nothing("\033]11;rgb:0000/0000/0000\a");
	expect_nothing("\033P1+r544e=78\033\\");
	expect_nothing("\033_G;OK\033\\");
	expect_nothing("\033[");
	expect_key("q", 'q');
}

Test(escapes, escape_and_a_key_that_were_read_late_are_two_keys)
{
	types("\033q");
	cr_expect_eq(n, 2);
	cr_expect_eq(events[0].key, VKEY_ESCAPE);
	cr_expect_eq(events[1].key, 'q');
}

Test(escapes, two_escapes_are_two_keys)
{
	types("\033\033");
	cr_expect_eq(n, 2);
	cr_expect_eq(events[0].key, VKEY_ESCAPE);
	cr_expect_eq(events[1].key, VKEY_ESCAPE);
}

static void expect_answer(const char *text, const char *answer)
{
	enum escapes_found r = ESCAPES_NOTHING;
	struct view_event event;

	now_ns += NS_PER_S / 2;
	for (; *text; text++) {
		cr_expect_eq(r, ESCAPES_NOTHING);
		r = escapes__feed(&e, (uint8_t)*text, now_ns, &event);
	}
	cr_expect_eq(r, ESCAPES_ANSWER, "%s", answer);
	cr_expect_str_eq(e.text, answer);
	types("q");
	cr_expect_eq(n, 1);
}

Test(escapes, answers_of_the_terminal)
{
	expect_answer("\033]11;rgb:fdfd/f6f6/e3e3\033\\", "]11;rgb:fdfd/f6f6/e3e3");
	expect_answer("\033]11;rgb:00/00/00\a", "]11;rgb:00/00/00");
	expect_answer("\033]11;\303\244\a", "]11;??");
	expect_answer("\033[?62;1;4c", "?62;1;4c");
	/* Longer than an answer is, and of another kind. */
	expect_nothing("\033]11;rgb:ffff/ffff/ffff/ffff/ffff/ffff/ffff/ffff/ffff/ffff\a");
	expect_nothing("\033P11;rgb:ffff/ffff/ffff\033\\");
	/* In a paste. */
	types("\033[200~\033]11;rgb:ff/ff/ff\a\033[?62c\033[201~");
	cr_expect_eq(n, 0);
}

Test(escapes, mouse)
{
	expect_key("\033[<0;12;7M", VKEY_MOUSE);
	cr_expect_eq(events[0].column, 11);
	cr_expect_eq(events[0].row, 6);
	expect_nothing("\033[<0;12;7m");
	expect_nothing("\033[<2;12;7M");
	expect_nothing("\033[<0;0;7M");
	expect_nothing("\033[<0M");
	expect_nothing("\033[<0;99999999999999999999;7M");
	expect_key("\033[<64;1;1M", VKEY_WHEEL_UP);
	expect_key("\033[<65;1;1M", VKEY_WHEEL_DOWN);
	expect_key("\033[M +&", VKEY_MOUSE);
	cr_expect_eq(events[0].column, 10);
	cr_expect_eq(events[0].row, 5);
	expect_nothing("\033[M#+&");
}

Test(escapes, pasted_text_is_marked)
{
	types("\033[200~he[\033\033[Bllo\033[201~q");
	cr_expect_eq(n, 7);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(events[i].is_pasted, i < 6, "event %zu", i);
	cr_expect_eq(events[6].key, 'q');
}

Test(escapes, a_paste_without_an_end_ends)
{
	types("\033[200~hello");
	cr_expect_eq(n, 5);
	now_ns += NS_PER_S;
	types("q");
	cr_expect_eq(n, 1);
	cr_expect_not(events[0].is_pasted);
}

Test(escapes, a_sequence_may_come_in_pieces)
{
	struct view_event event;

	now_ns = NS_PER_S;
	for (const char *at = "\033[1"; *at; at++)
		escapes__feed(&e, (uint8_t)*at, now_ns, &event);
	cr_expect_not(escapes__idle(&e, &event));
	now_ns += 20 * NS_PER_MS;
	cr_expect_eq(escapes__feed(&e, '~', now_ns, &event), ESCAPES_KEY);
	cr_expect_eq(event.key, VKEY_HOME);
	for (const char *at = "\033[1"; *at; at++)
		escapes__feed(&e, (uint8_t)*at, now_ns, &event);
	now_ns += 200 * NS_PER_MS;
	cr_expect_eq(escapes__feed(&e, 'q', now_ns, &event), ESCAPES_CHARACTER, "too late");
}
