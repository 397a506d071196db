/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Python code resumes coroutines, found in fixtures shaped like an interpreter: by their
 * symbols we know what is right; the search has to find the same without them.
 */
#include <string.h>

#include "python/fixtures.h"
#include "python/py_sends.h"

static uint64_t function_named(struct elf_image *img, const char *name)
{
	struct elf_symbol symbol;

	cr_assert_eq(elf_image__functions_named(img, name, &symbol, 1), 1, "%s", name);
	return symbol.vaddr;
}

static bool is_in(struct elf_image *img, uint64_t vaddr, const char *function)
{
	struct elf_range range;

	return !elf_image__function_range(img, vaddr, &range) &&
		range.start == function_named(img, function);
}

static size_t count_in(struct elf_image *img, const struct spots *s, enum ls_spot kind,
		       const char *function)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->at[i].kind == kind && is_in(img, s->at[i].vaddr, function);
	return n;
}

/* A call instruction at each spot that begins a step; of `callee`, unless that is NULL. */
static void check_calls(struct elf_image *img, const struct spots *s, enum ls_spot kind,
			const char *callee)
{
	for (size_t i = 0; i < s->n; i++) {
		uint64_t called;

		cr_assert(s->at[i].is_emulable);
		if (s->at[i].kind != kind)
			continue;
		called = called_at(img, s->at[i].vaddr);
		if (callee)
			cr_assert_eq(called, function_named(img, callee));
	}
}

/* Nothing may sit where every `await` and every turn of a loop comes by. */
static void check_cold(struct elf_image *img, const struct spots *s)
{
	static const char *const hot[] = { "resume", "await_coroutine", "next_item",
					   "_PyEval_EvalFrameDefault" };

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < sizeof(hot) / sizeof(*hot); k++)
			cr_assert(!is_in(img, s->at[i].vaddr, hot[k]), "a spot in %s", hot[k]);
}

/* Finds the spots in both builds, which must agree. The image is that with symbols. */
static struct elf_image *find(const char *name, struct spots *ret_spots)
{
	_cleanup_(spots__done) struct spots stripped = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *bare = NULL;
	struct elf_image *img;
	char file[64];

	snprintf(file, sizeof(file), "%s.stripped.so", name);
	bare = open_fixture(file);
	cr_assert_eq(spots__add_sends(&stripped, bare), 0);
	snprintf(file, sizeof(file), "%s.so", name);
	img = open_fixture(file);
	cr_assert_eq(spots__add_sends(ret_spots, img), 0);
	cr_assert_eq(ret_spots->n, stripped.n);
	for (size_t i = 0; i < stripped.n; i++) {
		cr_assert_eq(ret_spots->at[i].file_offset, stripped.at[i].file_offset);
		cr_assert_eq(ret_spots->at[i].kind, stripped.at[i].kind);
	}
	check_cold(img, ret_spots);
	return img;
}

Test(py_sends, calls_of_what_await_uses)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = find("fake_core_calls", &s);

	check_calls(img, &s, LS_SPOT_RESUME_CORO, "resume");
	check_calls(img, &s, LS_SPOT_RESUME_THROW, "resume");
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_CORO, "send_value"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_THROW, "throw_inner"), 2);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_EXIT, "send_value"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_EXIT, "throw_inner"), 2);
	cr_assert_eq(s.n, 6);
}

Test(py_sends, calls_of_the_evaluation)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = find("fake_core_evals", &s);

	check_calls(img, &s, LS_SPOT_RESUME_FRAME, NULL);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_FRAME, "send_value"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_FRAME, "throw_inner"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_EXIT, "send_value"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_EXIT, "throw_inner"), 1);
	cr_assert_eq(s.n, 4);
}

Test(py_sends, method_handed_on_twice)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = find("fake_core_jumps", &s);

	check_calls(img, &s, LS_SPOT_RESUME_THROW, "resume");
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_CORO, "send_value"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_THROW, "throw_none"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_RESUME_EXIT, "throw_none"), 1);
	cr_assert_eq(s.n, 4, "what is called on the way is not looked into");
}

/* Some steps for all of them would be worse than none. */
Test(py_sends, all_or_nothing)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = find("fake_core_tail", &s);

	cr_assert_eq(s.n, 0);
	cr_assert_eq(spots__add_send_doors(&s, img), 0);
	cr_assert_eq(s.n, 2);
	cr_assert_eq(count_in(img, &s, LS_SPOT_TASK_RESUME, "send_value"), 1);
	cr_assert_eq(count_in(img, &s, LS_SPOT_TASK_RESUME, "throw_value"), 1);
}

Test(py_sends, method_that_await_calls)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = find("fake_core_old", &s);

	cr_assert_not_null(img);
	cr_assert_eq(s.n, 0);
}

Test(py_sends, no_interpreter)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = open_fixture("fake_asyncio_types.so");

	cr_assert_eq(spots__add_sends(&s, img), 0);
	cr_assert_eq(spots__add_send_doors(&s, img), 0);
	cr_assert_eq(spots__add_task_notes(&s, img), 0);
	cr_assert_eq(s.n, 0);
}

Test(py_sends, notes_of_tasks)
{
	static const char *const files[] = { "fake_notes.so", "fake_notes.stripped.so" };
	_cleanup_(elf_image__freep) struct elf_image *symbols = open_fixture(files[0]);

	for (size_t i = 0; i < 2; i++) {
		_cleanup_(spots__done) struct spots s = { 0 };
		_cleanup_(elf_image__freep) struct elf_image *img = open_fixture(files[i]);

		cr_assert_eq(spots__add_task_notes(&s, img), 0);
		cr_assert_eq(s.n, 2);
		cr_assert_eq(count_in(symbols, &s, LS_SPOT_TASK_ANNOUNCE, "enter_task"), 1);
		cr_assert_eq(count_in(symbols, &s, LS_SPOT_TASK_LEAVE, "leave_task"), 1);
		cr_assert(s.at[0].is_emulable && s.at[1].is_emulable);
	}
}

static void search_all(struct spots *s, struct elf_image *img)
{
	spots__add_sends(s, img);
	spots__add_send_doors(s, img);
	spots__add_task_notes(s, img);
}

Test(py_sends, cut_files)
{
	try_cut("fake_core_calls.so", search_all);
	try_cut("fake_core_evals.stripped.so", search_all);
	try_cut("fake_notes.so", search_all);
}

Test(py_sends, damaged_files)
{
	try_bytes("fake_core_calls.stripped.so", 1500, search_all);
	try_bytes("fake_core_evals.so", 1500, search_all);
	try_bytes("fake_notes.stripped.so", 500, search_all);
}
