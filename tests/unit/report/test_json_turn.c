/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What JSON says of a turn: the coroutines it consisted of, and what made its tasks ready.
 */
#include "report/stalls.h"

static const struct report_opts opts = { .mode = "exact" };

/* A turn of two coroutines, whose tasks a third one created. */
static void init_turn(struct stall *s)
{
	stall_init(s);
	s->unit = LS_UNIT_TURN;
	s->coroutine = (struct code_info){ NULL, NULL, 0 };
	s->steps = 12;
	s->duration_ns = 128;
	s->turn.is_known = true;
	s->turn.n_parts = 2;
	s->turn.parts[0] = (struct turn_part){ { "send", "/srv/app/feed.py", 4 }, 9, 96 };
	s->turn.parts[1] = (struct turn_part){ { NULL, NULL, 0 }, 1, 8 };
	s->turn.rest_steps = 2;
	s->turn.rest_ns = 8;
	s->turn.maker = (struct turn_maker){ .n_made = 9,
					     .origin = LS_MAKER_WOKE,
					     .coroutine = { "cast", "/srv/app/feed.py", 20 },
					     .at = { "cast", "/srv/app/feed.py", 22 } };
}

static void check_has(const struct stall *s, const char *part)
{
	char *text = stall_text("json", s, &opts);

	cr_expect_not_null(strstr(text, part), "no %s in %s", part, text);
	free(text);
}

Test(json, what_a_turn_consisted_of)
{
	struct stall s;

	init_turn(&s);
	check_has(&s, "\"coroutine\":{\"name\":\"send\",\"file\":\"/srv/app/feed.py\",\"line\":4}");
	check_has(&s, "\"coroutine_share\":0.75");
	check_has(&s,
		  "\"made_of\":["
		  "{\"coroutine\":{\"name\":\"send\",\"file\":\"/srv/app/feed.py\",\"line\":4},"
		  "\"steps\":9,\"duration_ns\":96,\"share\":0.75"
		  "},{\"coroutine\":null,\"steps\":1,\"duration_ns\":8,\"share\":0.0625}]");
	check_has(&s, "\"made_of_rest\":{\"steps\":2,\"duration_ns\":8,\"share\":0.0625}");
	check_has(&s, "\"callbacks_ns\":16,");
}

Test(json, what_made_the_tasks_of_a_turn)
{
	struct stall s;

	init_turn(&s);
	check_has(&s,
		  "\"made_by\":{\"coroutine\":"
		  "{\"name\":\"cast\",\"file\":\"/srv/app/feed.py\",\"line\":20},"
		  "\"call\":{\"function\":\"cast\",\"file\":\"/srv/app/feed.py\",\"line\":22},"
		  "\"steps\":9,\"is_created\":false}");
	s.turn.maker.origin = LS_MAKER_CREATED;
	check_has(&s, "\"is_created\":true}");
}

Test(json, what_is_not_known_of_a_turn)
{
	struct stall s;

	init_turn(&s);
	s.turn.maker.origin = LS_MAKER_UNKNOWN;
	s.turn.maker.at = (struct model_frame){ NULL, NULL, 0 };
	s.turn.rest_steps = 0;
	check_has(&s, "\"made_of_rest\":null");
	check_has(&s, "\"call\":null,\"steps\":9,\"is_created\":null}");
	s.turn = (struct turn_parts){ .is_known = false };
	check_has(&s,
		  "\"coroutine_share\":null,\"made_of\":null,\"made_of_rest\":null,"
		  "\"callbacks_ns\":null,\"made_by\":null");
}
