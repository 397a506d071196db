/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a stall is placed: the user's innermost function that holds most of it, and his outermost.
 */
#include "model/script.h"

enum {
	LIBRARY = 0x20000, /* calls LEAF_A and LEAF_B */
	LEAF_A = 0x21000,
	LEAF_B = 0x22000,
	TEMPLATE = 0x23000, /* of a file that does not exist */
	SHORT_FILE = 0x24000, /* of a file of 20 lines */
	FROZEN = 0x25000,
	FREED = 0x26000, /* has no name */
	OUTER = 0x27000, /* the user's, around HANDLER */
};

static int own_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
		    struct code_info *ret)
{
	static const struct {
		uint64_t code;
		struct code_info info;
	} codes[] = {
		{ LIBRARY, { "encode", "/usr/lib/python3/dist-packages/lib_x/encoders.py", 1 } },
		{ LEAF_A, { "leaf_a", "/usr/lib/python3/dist-packages/lib_x/leaves.py", 1 } },
		{ LEAF_B, { "leaf_b", "/srv/venv/lib/python3.11/site-packages/dep/b.py", 1 } },
		{ TEMPLATE, { "root", "/srv/app/gone.py", 1 } },
		{ SHORT_FILE, { "root", "/srv/app/page", 5 } },
		{ FROZEN, { "_call", "<frozen importlib._bootstrap>", 200 } },
		{ OUTER, { "app", "/srv/app/main.py", 3 } },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code) {
			*ret = codes[i].info;
			return 0;
		}
	return script_code(ctx, pid, code, qualname, ret);
}

static uint32_t own_file_lines(void *ctx, uint32_t pid, uint64_t code)
{
	(void)ctx;
	(void)pid;
	return code == TEMPLATE ? CODE_NO_FILE : code == SHORT_FILE ? 20 : 1000;
}

static struct script *own_script(const struct own_rules *rules)
{
	static struct resolver_ops ops;
	const struct resolver resolver = { &ops, NULL };
	struct script *s = script_new();

	ops = script_ops;
	ops.code = own_code;
	ops.file_lines = own_file_lines;
	model__free(s->model);
	cr_assert_eq(model__new(&s->model, &resolver, script_on_stall, s), 0);
	if (rules)
		model__set_own(s->model, rules);
	return s;
}

/* A stack of these functions, innermost first, each at a line. */
#define STACK(s, cause, weight_ns, ...)                                                            \
	send_stack(s, cause, LS_STACK_AT_CORO, weight_ns, (const uint64_t[]){ __VA_ARGS__, 0 })

static void send_stack(struct script *s, enum ls_cause cause, uint16_t flags, uint64_t weight_ns,
		       const uint64_t *codes_and_lines)
{
	struct ls_rec_stack rec = script_stack(s, 1, cause, weight_ns);

	rec.flags = flags;
	for (; *codes_and_lines; codes_and_lines += 2)
		script_frame(&rec, codes_and_lines[0], codes_and_lines[1]);
	script_send_stack(s, &rec);
}

static void check_own(const struct stall *stall, const char *function, uint32_t line, double share)
{
	cr_assert_not_null(stall->own.function);
	cr_assert_str_eq(stall->own.function, function, "%s", stall->own.function);
	cr_assert_eq(stall->own.line, line, "line %u", stall->own.line);
	cr_assert_float_eq(stall->own_share, share, 0.001, "share %f", stall->own_share);
}

static void check_entry(const struct stall *stall, const char *function, uint32_t line)
{
	cr_assert_str_eq(stall->entry.function, function, "%s", stall->entry.function);
	cr_assert_eq(stall->entry.line, line, "line %u", stall->entry.line);
}

Test(own, the_innermost_function_that_holds_more_than_half)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 30 * MS, RENDER, 88, HANDLER, 14, OUTER, 5);
	STACK(s, LS_CAUSE_CPU, 20 * MS, FETCH_ROW, 31, HANDLER, 15, OUTER, 5);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "render", 88, 0.6);
	check_entry(&s->stall, "app", 5);
	script_free(s);
}

Test(own, work_spread_over_leaves_is_placed_at_their_caller)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 10 * MS, RENDER, 88, HANDLER, 14, OUTER, 5);
	STACK(s, LS_CAUSE_CPU, 20 * MS, FETCH_ROW, 31, HANDLER, 15, OUTER, 5);
	STACK(s, LS_CAUSE_CPU, 10 * MS, TICK, 6, HANDLER, 15, OUTER, 5);
	STACK(s, LS_CAUSE_CPU, 10 * MS, OUTER, 6);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.call.function, "fetch_row");
	check_own(&s->stall, "handler", 15, 0.8);
	cr_assert_eq(s->stall.own_def_line, 10);
	check_entry(&s->stall, "app", 5);
	script_free(s);
}

Test(own, waits_and_samples_count_alike)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 30 * MS, RENDER, 88, HANDLER, 14);
	STACK(s, LS_CAUSE_SLEEP, 50 * MS, FETCH_ROW, 31, HANDLER, 15);
	script_end(s, 1, LS_CAUSE_SLEEP);
	check_own(&s->stall, "fetch_row", 31, 0.625);
	script_free(s);
}

static void check_share(const struct stall *stall, size_t i, enum ls_cause cause,
			const char *function, uint32_t line, double share)
{
	cr_assert_gt(stall->n_shares, i);
	cr_expect_eq(stall->shares[i].cause, cause);
	cr_expect_str_eq(stall->shares[i].at.function, function);
	cr_expect_eq(stall->shares[i].at.line, line);
	cr_expect_float_eq(stall->shares[i].share, share, 0.001, "%f", stall->shares[i].share);
}

Test(own, each_cause_has_its_place)
{
	struct script *s = own_script(NULL);
	struct ls_rec_stall rec;

	STACK(s, LS_CAUSE_CPU, 20 * MS, RENDER, 88, HANDLER, 14);
	STACK(s, LS_CAUSE_CPU, 10 * MS, RENDER, 90, HANDLER, 14);
	STACK(s, LS_CAUSE_SLEEP, 30 * MS, FETCH_ROW, 31, HANDLER, 15);
	STACK(s, LS_CAUSE_SLEEP, 20 * MS, LEAF_A, 3, FETCH_ROW, 32, HANDLER, 15);
	STACK(s, LS_CAUSE_SLEEP, 4 * MS, FETCH_ROW, 33, HANDLER, 15);
	rec = script_stall(s, 1, LS_UNIT_STEP);
	script_time(&rec, LS_CAUSE_CPU, 30 * MS);
	script_time(&rec, LS_CAUSE_SLEEP, 54 * MS);
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.n_shares, 3, "%zu", s->stall.n_shares);
	check_share(&s->stall, 0, LS_CAUSE_CPU, "render", 88, 1);
	check_share(&s->stall, 1, LS_CAUSE_SLEEP, "fetch_row", 31, 30.0 / 54);
	check_share(&s->stall, 2, LS_CAUSE_SLEEP, "fetch_row", 32, 20.0 / 54);
	script_free(s);
}

/* Many calls that each block for a moment have no line that counts, but a caller. */
Test(own, many_small_waits_are_placed_at_their_caller)
{
	struct script *s = own_script(NULL);

	for (uint64_t i = 0; i < 8; i++)
		STACK(s, LS_CAUSE_FILE, 5 * MS, FETCH_ROW, 31 + i, HANDLER, 14 + i % 4);
	script_end(s, 1, LS_CAUSE_FILE);
	cr_assert_eq(s->stall.n_shares, 1, "%zu", s->stall.n_shares);
	check_share(&s->stall, 0, LS_CAUSE_FILE, "fetch_row", 31, 0.125);
	script_free(s);
}

/* The user's function has returned, and a library works on what it gave. */
Test(own, a_moment_of_the_users_code_is_not_to_blame)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 4 * MS, RENDER, 88, LIBRARY, 14);
	STACK(s, LS_CAUSE_CPU, 60 * MS, LEAF_A, 9, LIBRARY, 15);
	STACK(s, LS_CAUSE_CPU, 20 * MS, LEAF_B, 9, LIBRARY, 15);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "leaf_a", 9, 60.0 / 84);
	check_entry(&s->stall, "render", 88);
	cr_expect(s->stall.is_entry_users);
	script_free(s);
	s = own_script(NULL);
	STACK(s, LS_CAUSE_CPU, 30 * MS, RENDER, 88, LIBRARY, 14);
	STACK(s, LS_CAUSE_CPU, 60 * MS, LEAF_A, 9, LIBRARY, 15);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "render", 88, 1.0 / 3);
	script_free(s);
}

Test(own, a_library_is_passed_over)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 30 * MS, LEAF_A, 9, LIBRARY, 8, HANDLER, 14, LIBRARY, 7, OUTER, 5,
	      LIBRARY, 1);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.call.function, "leaf_a");
	check_own(&s->stall, "handler", 14, 1);
	check_entry(&s->stall, "app", 5);
	script_free(s);
}

Test(own, without_code_of_the_user_a_library_is_the_place)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 30 * MS, LEAF_A, 9, LIBRARY, 8, READ_READY, 900);
	STACK(s, LS_CAUSE_CPU, 30 * MS, LEAF_B, 9, LIBRARY, 8, READ_READY, 900);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "encode", 8, 1);
	check_entry(&s->stall, "encode", 8);
	script_free(s);
}

Test(own, freed_code_never_wins)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 40 * MS, FREED, 1, FROZEN, 241, HANDLER, 14);
	STACK(s, LS_CAUSE_CPU, 10 * MS, RENDER, 88, HANDLER, 15);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.call.function, "_call");
	cr_assert_str_eq(s->stall.stack[0].function, "?");
	check_own(&s->stall, "handler", 14, 1);
	script_free(s);
}

Test(own, a_stack_without_any_name_leaves_the_coroutine)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 40 * MS, FREED, 1, FREED, 2);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_null(s->stall.call.function);
	check_own(&s->stall, "handler", 10, 1);
	check_entry(&s->stall, "handler", 10);
	script_free(s);
}

Test(own, nothing_known_is_nothing_said)
{
	struct script *s = own_script(NULL);
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_TURN);

	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	cr_assert_null(s->stall.own.function);
	cr_assert_null(s->stall.entry.function);
	script_free(s);
}

Test(own, code_without_its_text_is_a_template)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 40 * MS, TEMPLATE, 9, LIBRARY, 8, HANDLER, 14);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "handler", 14, 1);
	STACK(s, LS_CAUSE_CPU, 40 * MS, SHORT_FILE, 21, LIBRARY, 8, HANDLER, 14);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "handler", 14, 1);
	STACK(s, LS_CAUSE_CPU, 40 * MS, SHORT_FILE, 20, LIBRARY, 8, HANDLER, 14);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "root", 20, 1);
	script_free(s);
}

Test(own, the_program_around_the_loop_is_not_in_a_callback)
{
	struct script *s = own_script(NULL);
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_CALLBACK);

	send_stack(s, LS_CAUSE_CPU, 0, 40 * MS,
		   (const uint64_t[]){ LEAF_A, 9, LIBRARY, 8, HANDLE_RUN, 88, RUN_ONCE, 1900,
				       RUN_FOREVER, 600, MAIN_MODULE, 9, 0 });
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	check_own(&s->stall, "leaf_a", 9, 1);
	check_entry(&s->stall, "encode", 8);
	script_free(s);
}

/* Several may run between two steps: one that was seen once is not what took the time. */
Test(own, of_several_callbacks_the_heaviest)
{
	struct script *s = own_script(NULL);
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_CALLBACK);

	send_stack(s, LS_CAUSE_CPU, 0, 2 * MS,
		   (const uint64_t[]){ TICK, 6, HANDLE_RUN, 88, RUN_ONCE, 1900, 0 });
	send_stack(s, LS_CAUSE_SLEEP, 0, 40 * MS,
		   (const uint64_t[]){ FROZEN, 9, HANDLE_RUN, 88, RUN_ONCE, 1900, 0 });
	script_time(&rec, LS_CAUSE_SLEEP, 40 * MS);
	script_send_stall(s, &rec);
	check_own(&s->stall, "_call", 9, 40.0 / 42);
	check_entry(&s->stall, "_call", 9);
	script_free(s);
}

/* All steps of a turn are in it, none of which holds more than half. */
Test(own, without_a_majority_the_heaviest)
{
	struct script *s = own_script(NULL);
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_TURN);

	STACK(s, LS_CAUSE_CPU, 20 * MS, RENDER, 88);
	STACK(s, LS_CAUSE_CPU, 15 * MS, FETCH_ROW, 31);
	STACK(s, LS_CAUSE_CPU, 15 * MS, TICK, 6);
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	check_own(&s->stall, "render", 88, 0.4);
	script_free(s);
}

Test(own, a_function_that_calls_itself_counts_once)
{
	struct script *s = own_script(NULL);

	STACK(s, LS_CAUSE_CPU, 20 * MS, RENDER, 90, RENDER, 88, RENDER, 88, HANDLER, 14);
	STACK(s, LS_CAUSE_CPU, 30 * MS, TICK, 6, HANDLER, 14);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "tick", 6, 0.6);
	script_free(s);
}

Test(own, a_folder_can_be_added)
{
	static const char *const absolute[] = { "/usr/lib/python3/dist-packages/lib_x/" };
	static const char *const relative[] = { "./dist-packages/lib_x" };
	static const char *const other[] = { "lib", "/usr/lib/python3/dist-packages/lib_" };
	const struct own_rules rules[] = { { .n_paths = 1, .paths = absolute },
					   { .n_paths = 1, .paths = relative },
					   { .n_paths = 2, .paths = other } };

	for (size_t i = 0; i < 3; i++) {
		struct script *s = own_script(&rules[i]);

		STACK(s, LS_CAUSE_CPU, 30 * MS, LEAF_A, 9, LEAF_B, 8, HANDLER, 14);
		script_end(s, 1, LS_CAUSE_CPU);
		/* "lib" is a folder of all of them. */
		check_own(&s->stall, "leaf_a", 9, 1);
		script_free(s);
	}
}

Test(own, an_installed_package_can_be_added)
{
	static const char *const name[] = { "lib-x" }, *const wrong[] = { "lib", "dep.c", "b" };
	const struct own_rules rules = { .n_packages = 1, .packages = name };
	const struct own_rules others = { .n_packages = 3, .packages = wrong };
	struct script *s = own_script(&rules);

	STACK(s, LS_CAUSE_CPU, 30 * MS, LEAF_B, 9, LEAF_A, 8, HANDLER, 14);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "leaf_a", 8, 1);
	script_free(s);
	s = own_script(&others);
	STACK(s, LS_CAUSE_CPU, 30 * MS, LEAF_B, 9, LEAF_A, 8, HANDLER, 14);
	script_end(s, 1, LS_CAUSE_CPU);
	check_own(&s->stall, "handler", 14, 1);
	script_free(s);
}
