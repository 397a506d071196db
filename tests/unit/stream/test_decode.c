/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of records: every kind as it should be, and every way in which each can be wrong.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "stream/event.h"

#define STACK_BYTES(n) (offsetof(struct ls_rec_stack, frames) + (n) * sizeof(struct ls_frame))

static struct ls_rec_hdr header(enum ls_rec_kind kind, size_t size)
{
	return (struct ls_rec_hdr){ .kind = (uint16_t)kind, .len = (uint16_t)size, .ts_ns = 5000 };
}

static int decode(const void *data, size_t size)
{
	struct event event;

	return event__decode(data, size, &event);
}

static struct ls_rec_stall valid_stall(void)
{
	struct ls_rec_stall stall = {
		.hdr = header(LS_REC_STALL, sizeof(struct ls_rec_stall)),
		.start_ns = 1000,
		.duration_ns = 4000,
		.unit = LS_UNIT_STEP,
		.name = { .kind = 1, .length = 3, .copied = 3, .data = "abc" },
	};

	stall.cause_ns[LS_CAUSE_CPU] = 1500;
	stall.cause_ns[LS_CAUSE_OTHER] = 2500;
	return stall;
}

static struct ls_rec_stack valid_stack(uint16_t n_frames)
{
	return (struct ls_rec_stack){
		.hdr = header(LS_REC_STACK, STACK_BYTES(n_frames)),
		.cause = LS_CAUSE_SLEEP,
		.syscall = LS_NO_SYSCALL,
		.n_frames = n_frames,
	};
}

Test(decode, thread)
{
	struct ls_rec_thread thread = { .hdr = header(LS_REC_THREAD, sizeof(thread)), .loop = 7 };
	struct event event;

	cr_assert_eq(event__decode(&thread, sizeof(thread), &event), 0);
	cr_assert_eq(event.kind, LS_REC_THREAD);
	cr_assert_eq(event.thread, &thread);
	cr_assert_eq(decode(&thread, sizeof(thread) - 8), -EBADMSG);
}

Test(decode, life)
{
	struct ls_rec_life life = { .hdr = header(LS_REC_EXEC, sizeof(life)) };

	cr_assert_eq(decode(&life, sizeof(life)), 0);
	life.hdr.kind = LS_REC_EXIT;
	cr_assert_eq(decode(&life, sizeof(life)), 0);
}

Test(decode, kind_and_size)
{
	struct ls_rec_thread thread = { .hdr = header(LS_REC_NONE, sizeof(thread)) };

	cr_assert_eq(decode(&thread, sizeof(thread)), -EBADMSG);
	thread.hdr.kind = LS_REC_MAX;
	cr_assert_eq(decode(&thread, sizeof(thread)), -EBADMSG);
	thread.hdr.kind = UINT16_MAX;
	cr_assert_eq(decode(&thread, sizeof(thread)), -EBADMSG);
	/* The size of another kind */
	thread.hdr.kind = LS_REC_EXIT;
	cr_assert_eq(decode(&thread, sizeof(thread)), -EBADMSG);
	thread.hdr.kind = LS_REC_THREAD;
	thread.hdr.len--;
	cr_assert_eq(decode(&thread, sizeof(thread)), -EBADMSG);
	cr_assert_eq(decode(&thread, sizeof(thread.hdr) - 1), -EBADMSG);
	cr_assert_eq(decode(&thread, 0), -EBADMSG);
}

Test(decode, alignment)
{
	uint64_t space[1 + sizeof(struct ls_rec_life) / 8 + 1];
	struct ls_rec_life life = { .hdr = header(LS_REC_EXIT, sizeof(life)) };
	char *odd = (char *)space + 4;

	memcpy(odd, &life, sizeof(life));
	cr_assert_eq(decode(odd, sizeof(life)), -EBADMSG);
}

Test(decode, stack)
{
	struct ls_rec_stack stack = valid_stack(0);

	cr_assert_eq(decode(&stack, STACK_BYTES(0)), 0);
	stack = valid_stack(LS_MAX_FRAMES);
	cr_assert_eq(decode(&stack, STACK_BYTES(LS_MAX_FRAMES)), 0);
	stack.n_frames--;
	cr_assert_eq(decode(&stack, STACK_BYTES(LS_MAX_FRAMES)), -EBADMSG);
	stack.n_frames = LS_MAX_FRAMES + 1;
	stack.hdr.len = STACK_BYTES(LS_MAX_FRAMES + 1);
	cr_assert_eq(decode(&stack, STACK_BYTES(LS_MAX_FRAMES + 1)), -EBADMSG);
	stack = valid_stack(2);
	stack.cause = LS_CAUSE_MAX;
	cr_assert_eq(decode(&stack, STACK_BYTES(2)), -EBADMSG);
	/* Cut before the frame count */
	stack = valid_stack(0);
	stack.hdr.len = sizeof(stack.hdr) + 8;
	cr_assert_eq(decode(&stack, stack.hdr.len), -EBADMSG);
}

Test(decode, victim)
{
	struct ls_rec_victim victim = {
		.hdr = header(LS_REC_VICTIM, sizeof(victim)),
		.name = { .kind = 4, .length = 40, .copied = LS_NAME_BYTES },
	};

	cr_assert_eq(decode(&victim, sizeof(victim)), 0);
	victim.name.kind = 3;
	cr_assert_eq(decode(&victim, sizeof(victim)), -EBADMSG);
}

Test(decode, code)
{
	struct ls_rec_code code = { .hdr = header(LS_REC_CODE, sizeof(code)) };

	cr_assert_eq(decode(&code, sizeof(code)), 0);
	code.pieces[1] = (struct ls_piece){ .at = LS_CODE_BYTES - 8, .n_bytes = 8 };
	cr_assert_eq(decode(&code, sizeof(code)), 0);
	code.pieces[1].n_bytes = 9;
	cr_assert_eq(decode(&code, sizeof(code)), -EBADMSG);
	code.pieces[1] = (struct ls_piece){ .at = UINT32_MAX, .n_bytes = 1 };
	cr_assert_eq(decode(&code, sizeof(code)), -EBADMSG);
	code.pieces[1] = (struct ls_piece){ .at = 8, .n_bytes = UINT32_MAX };
	cr_assert_eq(decode(&code, sizeof(code)), -EBADMSG);
	code.pieces[1].n_bytes = 0;
	code.hdr.len--;
	cr_assert_eq(decode(&code, sizeof(code) - 1), -EBADMSG);
}

Test(decode, string)
{
	static const struct {
		uint8_t kind;
		uint32_t length;
		uint16_t copied;
		int result;
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 0xff, 0, 0, 0 },
		{ 0, 0, 1, -EBADMSG },
		{ 0xff, 9, 1, -EBADMSG },
		{ 1, 0, 0, 0 },
		{ 1, 200, LS_NAME_BYTES, 0 },
		{ 1, 200, LS_NAME_BYTES + 1, -EBADMSG },
		{ 1, 2, 3, -EBADMSG },
		{ 2, 3, 6, 0 },
		{ 2, 3, 5, -EBADMSG },
		{ 4, 2, 8, 0 },
		{ 4, 2, 6, -EBADMSG },
		{ 5, 1, 5, -EBADMSG },
	};
	struct ls_rec_stall stall = valid_stall();
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stall.name.kind = cases[i].kind;
		stall.name.length = cases[i].length;
		stall.name.copied = cases[i].copied;
		cr_assert_eq(decode(&stall, sizeof(stall)), cases[i].result, "case %zu", i);
	}
}

Test(decode, stall_unit)
{
	struct ls_rec_stall stall = valid_stall();

	cr_assert_eq(decode(&stall, sizeof(stall)), 0);
	stall.unit = LS_UNIT_TURN;
	cr_assert_eq(decode(&stall, sizeof(stall)), 0);
	stall.unit = LS_UNIT_NONE;
	cr_assert_eq(decode(&stall, sizeof(stall)), -EBADMSG);
	stall.unit = LS_UNIT_TURN + 1;
	cr_assert_eq(decode(&stall, sizeof(stall)), -EBADMSG);
}

Test(decode, step_ends)
{
	struct ls_rec_stall stall = valid_stall();

	for (__u32 from = 0; from <= LS_AWAIT_MAX + 1; from++)
		for (__u32 to = 0; to <= LS_AWAIT_MAX + 1; to++) {
			const bool can_be =
				from <= LS_AWAIT_BEGAN && to < LS_AWAIT_MAX && to != LS_AWAIT_BEGAN;

			stall.from.state = from;
			stall.to.state = to;
			cr_assert_eq(decode(&stall, sizeof(stall)), can_be ? 0 : -EBADMSG,
				     "from %u to %u", from, to);
		}
}

Test(decode, stall_times)
{
	struct ls_rec_stall stall = valid_stall();

	stall.cause_ns[LS_CAUSE_GIL] = 1;
	cr_assert_eq(decode(&stall, sizeof(stall)), -EBADMSG);
	/* A sum that comes out right only by overflow */
	stall = valid_stall();
	stall.cause_ns[LS_CAUSE_GIL] = UINT64_MAX;
	stall.cause_ns[LS_CAUSE_CPU]++;
	cr_assert_eq(decode(&stall, sizeof(stall)), -EBADMSG);
	stall = valid_stall();
	stall.start_ns++;
	cr_assert_eq(decode(&stall, sizeof(stall)), -EBADMSG);
	stall = valid_stall();
	stall.start_ns = UINT64_MAX;
	stall.hdr.ts_ns = UINT64_MAX + stall.duration_ns;
	cr_assert_eq(decode(&stall, sizeof(stall)), -EBADMSG);
}

/* Random bytes behind a plausible header, in a block of exactly their size. */
Test(decode, hostile)
{
	unsigned int seed = 5;
	struct ls_rec_hdr *hdr;
	uint8_t *data;
	size_t size, i;
	int round;

	for (round = 0; round < 20000; round++) {
		size = sizeof(*hdr) + (size_t)rand_r(&seed) % sizeof(struct ls_rec_stall);
		data = malloc(size);
		cr_assert(data);
		for (i = 0; i < size; i++)
			data[i] = (uint8_t)rand_r(&seed);
		hdr = (struct ls_rec_hdr *)data;
		hdr->kind = (uint16_t)(rand_r(&seed) % (LS_REC_MAX + 1));
		hdr->len = (uint16_t)size;
		decode(data, size);
		free(data);
	}
}
