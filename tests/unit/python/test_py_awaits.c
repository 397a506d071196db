/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks are read with, on memory laid out by hand: blocks with holes in them, the address map,
 * and coroutines as a torn or hostile process would show them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "python/addr_map.h"
#include "python/py_awaits.h"
#include "python/py_offsets.h"

#define PAGE 4096U
#define PAGES 64U

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static struct target self_as(uint8_t minor)
{
	struct target t = { .pid = getpid() };

	cr_assert_eq(py_offsets__init(&t.proc.py.at, minor, false), 0);
	return t;
}

Test(py_pages, end_at_a_hole)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	struct target t = self_as(12);
	uint8_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t got[3 * PAGE];

	cr_assert_neq(memory, MAP_FAILED);
	for (size_t i = 0; i < PAGES * PAGE; i++)
		memory[i] = (uint8_t)(i * 7 + i / PAGE);
	cr_assert_eq(munmap(memory + 10 * PAGE, PAGE), 0);
	cr_assert_eq(py_pages__new(&pages, &t), 0);
	for (size_t i = 0; i < 8; i++) {
		cr_assert_eq(py_pages__read(pages, address(memory + i * PAGE + 100), got, 2 * PAGE),
			     0);
		cr_assert_arr_eq(got, memory + i * PAGE + 100, 2 * PAGE);
	}
	cr_assert_eq(py_pages__read(pages, address(memory + 10 * PAGE), got, 1), -EFAULT);
	cr_assert_eq(py_pages__read(pages, address(memory + 10 * PAGE - 8), got, 16), -EFAULT);
	cr_assert_eq(py_pages__read(pages, address(memory + 11 * PAGE - 8), got, 16), -EFAULT);
	cr_assert_eq(py_pages__read_head(pages, address(memory + 10 * PAGE - 8), got, 16), 0);
	cr_assert_arr_eq(got, memory + 10 * PAGE - 8, 8);
	cr_assert_eq(py_word(got, 8), 0);
	cr_assert_eq(py_pages__read_head(pages, address(memory + 10 * PAGE), got, 16), -EFAULT);
	cr_assert_eq(py_pages__read(pages, address(memory + 11 * PAGE), got, PAGE), 0);
	cr_assert_arr_eq(got, memory + 11 * PAGE, PAGE);
	cr_assert_eq(py_pages__error(pages), 0);
	munmap(memory, 10 * PAGE);
	munmap(memory + 11 * PAGE, (PAGES - 11) * PAGE);
}

Test(py_pages, addresses_that_cannot_be)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	struct target t = self_as(12);
	static const uint64_t addrs[] = {
		0, 8, 4095, UINT64_MAX, UINT64_MAX - 8, 1ULL << 63, 0x7ffffffff000
	};
	uint8_t got[64];

	cr_assert_eq(py_pages__new(&pages, &t), 0);
	for (size_t i = 0; i < sizeof(addrs) / sizeof(*addrs); i++) {
		cr_assert_eq(py_pages__read(pages, addrs[i], got, sizeof(got)), -EFAULT);
		cr_assert_eq(py_pages__read_head(pages, addrs[i], got, sizeof(got)), -EFAULT);
	}
}

Test(addr_map, keeps_the_first_value_of_each)
{
	_cleanup_(addr_map__done) struct addr_map map = { 0 };
	uint64_t value;

	cr_assert(!addr_map__get(&map, 16, &value));
	for (uint64_t i = 0; i < 10000; i++)
		cr_assert_eq(addr_map__add(&map, i * 16, i), 0);
	for (uint64_t i = 0; i < 10000; i++)
		cr_assert_eq(addr_map__add(&map, i * 16, 7), 0);
	cr_assert(!addr_map__get(&map, 0, &value), "address 0 is none");
	for (uint64_t i = 1; i < 10000; i++) {
		cr_assert(addr_map__get(&map, i * 16, &value));
		cr_assert_eq(value, i);
	}
	cr_assert(!addr_map__get(&map, 16 * 10000, &value));
	cr_assert_eq(map.n, 9999);
}

/* A coroutine and its type; up to 3.10 also its frame. */
static uint64_t type[64], coro[64], frame[64], stack[4];
/* What a generator runs: an object up to 3.10, then its bytes alone. */
static uint64_t code[64], bytecode[16];
#define LASTI 6 /* position of the last instruction: in bytes, in 3.10 in units of two */

static void put(void *object, size_t offset, uint64_t value, size_t bytes)
{
	memcpy((uint8_t *)object + offset, &value, bytes);
}

static void make_type(const struct target *t)
{
	put(type, t->proc.py.at.tp_name, address("coroutine"), 8);
	put(coro, t->proc.py.at.ob_type, address(type), 8);
}

/* Where the value stack of a coroutine's own frame begins, from 3.11 on. */
static size_t stack_offset(const struct ls_pyoffsets *py)
{
	return py->gen_iframe + py->frame_locals;
}

/* Says how many words of locals and values there are. */
static void put_stack_words(const struct target *t, uint64_t words)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	size_t top = py->gen_iframe + py->frame_stack_top;

	if (py->stack_top == LS_STACK_TOP_WORDS)
		put(coro, top, words, 4);
	else
		put(coro, top, address(coro) + stack_offset(py) + 8 * words, 8);
}

/* How far it is: as Include/internal/pycore_frame.h of each version has it. */
static uint8_t state_of(uint8_t minor, bool is_created)
{
	if (minor >= 15)
		return is_created ? 0 : 2;
	return (uint8_t)(!is_created ? -1 : minor >= 13 ? -3 : -2);
}

/* Suspended, with `awaited` on top of a stack of one, or from 3.15 on below an index. */
static void make_coroutine(const struct target *t, uint64_t awaited)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;

	memset(coro, 0, sizeof(coro));
	make_type(t);
	stack[0] = awaited;
	if (py->gen_iframe == LS_PY_NONE) {
		put(coro, py->gen_frame, address(frame), 8);
		put(coro, py->gen_code, 0x1230, 8);
		put(frame, 64, address(stack), 8);
		put(frame, py->frame_position, 0xdeadbeef00000006, 8);
		if (py->minor == 10) {
			put(frame, 80, 1, 4);
			put(frame, 108, (uint8_t)-1, 1);
		} else {
			put(frame, 72, address(stack + 1), 8);
		}
		return;
	}
	put(coro, py->gen_iframe + py->frame_code, 0x1230, 8);
	put(coro, py->gen_iframe + py->frame_position, 0x1234, 8);
	put_stack_words(t, py->minor >= 15 ? 2 : 1);
	put(coro, stack_offset(py), awaited, 8);
	put(coro, py->minor == 11 ? 75 : 67, state_of(py->minor, false), 1);
}

/* Makes it a generator, suspended by `yield from` or by a yield of its own. */
static void make_generator(const struct target *t, bool yields_from)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint8_t *next;

	make_coroutine(t, address(coro));
	put(type, py->tp_name, address("generator"), 8);
	if (py->gen_iframe != LS_PY_NONE) {
		put(coro, py->gen_iframe + py->frame_position, address(bytecode), 8);
		((uint8_t *)bytecode)[3] = yields_from ? 2 : 1; /* argument of RESUME */
		if (py->minor >= 13 && !yields_from)
			put(coro, py->gen_state, (uint8_t)(py->gen_awaits - 1), 1);
		return;
	}
	put(coro, py->gen_code, address(code), 8);
	put(code, py->co_code, address(bytecode), 8);
	next = (uint8_t *)bytecode + py->bytes_data + (py->minor == 10 ? 2 : 1) * LASTI + 2;
	*next = yields_from ? 72 : 1;
}

static bool read_coroutine(const struct target *t, struct py_awaits *awaits)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	struct py_types types = { .t = t };

	cr_assert_eq(py_pages__new(&pages, t), 0);
	types.pages = pages;
	return py_awaits__read(&types, address(coro), awaits);
}

Test(py_awaits, a_chain_of_one)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		struct py_awaits awaits;

		make_coroutine(&t, 0);
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, 1);
		cr_assert_eq(awaits.code, 0x1230);
		cr_assert_eq(awaits.frames[0].code, 0x1230);
		cr_assert_eq(awaits.frames[0].position, minor < 11 ? 6 : 0x1234);
		cr_assert(!awaits.is_cut);
	}
}

Test(py_awaits, one_that_awaits_itself_comes_to_an_end)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		struct py_awaits awaits;

		make_coroutine(&t, address(coro));
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, TARGET_TASK_FRAMES);
		cr_assert(awaits.is_cut);
	}
}

/* On its stack is an iterator of a `for`, which it does not await. */
Test(py_awaits, a_generator_that_yields_awaits_nothing)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		struct py_awaits awaits;

		make_generator(&t, true);
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, TARGET_TASK_FRAMES, "3.%d", minor);
		make_generator(&t, false);
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, 1, "3.%d: %u frames", minor, awaits.n_frames);
	}
}

Test(py_awaits, absurd_stacks_are_not_followed)
{
	static const uint32_t sizes[] = { 0, 1U << 31, UINT32_MAX, 70000 };

	for (uint8_t minor = 10; minor <= PY_MINOR_MAX; minor++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct target t = self_as(minor);
			struct py_awaits awaits;

			make_coroutine(&t, address(coro));
			if (minor == 10)
				put(frame, 80, sizes[i], 4);
			else
				put_stack_words(&t, sizes[i]);
			cr_assert(!read_coroutine(&t, &awaits));
			cr_assert_eq(awaits.n_frames, 1);
		}
}

Test(py_awaits, one_that_runs_or_has_not_begun_awaits_nothing)
{
	for (uint8_t minor = 11; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		struct py_awaits awaits;
		size_t state = minor == 11 ? 75 : 67;

		make_coroutine(&t, address(coro));
		put(coro, state, minor >= 15 ? 4 : 0, 1);
		cr_assert(read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, 1);
		put(coro, state, state_of(minor, true), 1);
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, 1);
		put(coro, state, minor >= 15 ? 5 : 4, 1);
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.n_frames, 0, "cleared: the frame holds nothing any more");
		cr_assert_eq(awaits.code, 0);
	}
}

/* From 3.14 on, and without the GIL, the low bits of what a frame holds say how it is counted. */
Test(py_awaits, references_carry_tags)
{
	for (int i = 0; i < 5; i++) {
		static const struct {
			uint8_t minor;
			bool is_free_threaded;
		} builds[] = {
			{ 14, false }, { 15, false }, { 13, true }, { 14, true }, { 15, true }
		};
		struct target t = { .pid = getpid() };
		struct py_awaits awaits;

		cr_assert_eq(py_offsets__init(&t.proc.py.at, builds[i].minor,
					      builds[i].is_free_threaded),
			     0);
		make_coroutine(&t, address(coro) | 1);
		put(coro, t.proc.py.at.gen_code, 0x1230 | 3, 8);
		put(coro, t.proc.py.at.gen_state, state_of(builds[i].minor, false), 1);
		cr_assert(!read_coroutine(&t, &awaits));
		cr_assert_eq(awaits.code, 0x1230);
		cr_assert_eq(awaits.n_frames, TARGET_TASK_FRAMES, "build %d", i);
		cr_assert_eq(awaits.frames[3].code, 0x1230);
	}
}
