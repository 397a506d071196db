/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame at which a stall is shown.
 */
#include <criterion/criterion.h>

#include "check/place.h"
#include "runtime/words.h"

#define ROOT "/repo"

static void check_place(const struct runtime_words *words, const char *innermost,
			const char *expected)
{
	const struct stall stall = { .words = words,
				     .n_frames = 3,
				     .stack = { { "get", innermost, 3 },
						{ "fetch", "/repo/app/db.py", 31 },
						{ "handle", "/repo/app/web.py", 14 } },
				     .def_lines = { 1, 30, 10 } };
	const struct place_of place = place__of_stall(&stall, ROOT);

	cr_assert_str_eq(place.file, expected);
}

Test(place, a_library_is_none_even_inside_of_the_repository)
{
	check_place(NULL, "/usr/lib/python3.11/json/decoder.py", "app/db.py");
	check_place(NULL, "/repo/venv/lib/python3.11/site-packages/x.py", "app/db.py");
	check_place(NULL, "/repo/dist-packages/x.py", "app/db.py");
	check_place(NULL, "/repo/app/x.py", "app/x.py");
}

Test(place, the_users_frame_comes_first)
{
	struct stall stall = { .n_frames = 2,
			       .stack = { { "fetch", "/repo/app/db.py", 31 },
					  { "handle", "/repo/app/web.py", 14 } },
			       .def_lines = { 30, 10 },
			       .own = { "handle", "/repo/app/web.py", 14 },
			       .own_def_line = 10 };
	struct place_of place = place__of_stall(&stall, ROOT);

	cr_assert_str_eq(place.file, "app/web.py");
	cr_assert_eq(place.def_line, 10);
	/* One that is elsewhere cannot be shown in the repository. */
	stall.own.file = "/srv/lib/web.py";
	place = place__of_stall(&stall, ROOT);
	cr_assert_str_eq(place.file, "app/db.py");
	place = place__of_stall(&stall, "/other");
	cr_assert_str_eq(place.file, "/srv/lib/web.py");
}

Test(place, names_for_patterns)
{
	const struct stall stall = { .coroutine.name = "run",
				     .entry.function = "handle",
				     .request = { "GET", "/x", "GET /x" },
				     .test = "t.py::test_a" };
	const struct place_of place = { 0 };
	const struct check_names names = place__names(&stall, &place, ROOT);

	cr_assert_str_eq(names.entry, "handle");
	cr_assert_str_eq(names.route, "/x");
	cr_assert_str_eq(names.request, "GET /x");
	cr_assert_str_eq(names.test, "t.py::test_a");
}

Test(place, a_runtime_may_know_no_libraries)
{
	static const struct runtime_words plain = { .name = "plain" };

	check_place(&plain, "/repo/venv/lib/python3.11/site-packages/x.py",
		    "venv/lib/python3.11/site-packages/x.py");
	check_place(&plain, "/lib/x.js", "app/db.py");
}
