/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window over unfinished spans: what belongs together stays together, what is too old goes, and
 * memory stays bounded whatever comes.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "model/pending.h"

static void stack_init(struct ls_rec_stack *rec, uint32_t tid, uint64_t span, uint64_t line)
{
	memset(rec, 0, sizeof(*rec));
	rec->hdr.tgid = 1;
	rec->hdr.tid = tid;
	rec->hdr.ts_ns = 1000;
	rec->span = span;
	rec->weight_ns = 10;
	rec->count = 1;
	rec->n_frames = 1;
	rec->frames[0] = (struct ls_frame){ 0x1000, line };
}

static void add(struct pending *p, uint32_t tid, uint64_t span, uint64_t line)
{
	struct ls_rec_stack rec;

	stack_init(&rec, tid, span, line);
	cr_assert_eq(pending__add_stack(p, &rec), 0);
}

static struct pending_span take_unit(struct pending *p, uint32_t tid, uint64_t span, uint32_t unit,
				     uint64_t start_ns)
{
	struct ls_rec_stall rec;
	struct pending_span ret;

	memset(&rec, 0, sizeof(rec));
	rec.hdr.tgid = 1;
	rec.hdr.tid = tid;
	rec.span = span;
	rec.unit = unit;
	rec.start_ns = start_ns;
	cr_assert_eq(pending__take(p, &rec, &ret), 0);
	return ret;
}

static size_t take_count(struct pending *p, uint32_t tid, uint64_t span)
{
	struct pending_span s = take_unit(p, tid, span, LS_UNIT_STEP, 0);
	size_t n = s.n_stacks;

	pending_span__done(&s);
	return n;
}

Test(pending, equal_stacks_become_one_and_weights_add_up)
{
	struct pending p = { 0 };
	struct pending_span s;

	add(&p, 1, 5, 30);
	add(&p, 1, 5, 31);
	add(&p, 1, 5, 30);
	s = take_unit(&p, 1, 5, LS_UNIT_STEP, 0);
	cr_assert_eq(s.n_stacks, 2);
	cr_assert_eq(s.stacks[0]->weight_ns, 20);
	cr_assert_eq(s.stacks[1]->weight_ns, 10);
	pending_span__done(&s);
	pending__done(&p);
}

Test(pending, stacks_that_differ_in_one_field_stay_apart)
{
	struct ls_rec_stack base, rec;
	struct pending p = { 0 };

	stack_init(&base, 1, 5, 30);
	cr_assert_eq(pending__add_stack(&p, &base), 0);
	rec = base;
	rec.native_ip = 7;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	rec = base;
	rec.syscall = 3;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	rec = base;
	rec.cause = LS_CAUSE_LOCK;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	rec = base;
	rec.flags = LS_STACK_TRUNCATED;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	rec = base;
	rec.n_frames = 2;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	rec = base;
	rec.frames[0].code++;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	cr_assert_eq(take_count(&p, 1, 5), 7);
	pending__done(&p);
}

Test(pending, weight_saturates)
{
	struct pending p = { 0 };
	struct ls_rec_stack rec;
	struct pending_span s;

	stack_init(&rec, 1, 5, 30);
	rec.weight_ns = UINT64_MAX - 3;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	s = take_unit(&p, 1, 5, LS_UNIT_STEP, 0);
	cr_assert_eq(s.stacks[0]->weight_ns, UINT64_MAX);
	pending_span__done(&s);
	pending__done(&p);
}

Test(pending, nested_stall_leaves_its_parents_stacks)
{
	struct pending p = { 0 };

	add(&p, 1, 10, 30);
	add(&p, 1, 11, 40);
	cr_assert_eq(take_count(&p, 1, 11), 1);
	add(&p, 1, 10, 31);
	cr_assert_eq(take_count(&p, 1, 10), 2);
	cr_assert_eq(take_count(&p, 1, 10), 0);
	cr_assert_eq(p.bytes, 0);
	pending__done(&p);
}

Test(pending, threads_do_not_mix)
{
	struct pending p = { 0 };

	add(&p, 1, 10, 30);
	add(&p, 2, 10, 30);
	add(&p, 2, 10, 31);
	cr_assert_eq(take_count(&p, 1, 10), 1);
	cr_assert_eq(take_count(&p, 2, 10), 2);
	pending__done(&p);
}

Test(pending, only_the_newest_spans_are_kept)
{
	struct pending p = { 0 };
	uint64_t span;

	for (span = 1; span <= PENDING_MAX_SPANS + 2; span++)
		add(&p, 1, span, 30);
	cr_assert_eq(take_count(&p, 1, 1), 0);
	cr_assert_eq(take_count(&p, 1, 2), 0);
	cr_assert_eq(take_count(&p, 1, 3), 1);
	cr_assert_eq(p.dropped_stacks, 0, "the window is no loss");
	pending__done(&p);
}

Test(pending, spans_far_behind_go)
{
	struct pending p = { 0 };

	add(&p, 1, 100, 30);
	add(&p, 1, 100 + PENDING_MAX_AGE, 30);
	cr_assert_eq(take_count(&p, 1, 100), 1);
	add(&p, 1, 100, 30);
	add(&p, 1, 101 + PENDING_MAX_AGE, 30);
	cr_assert_eq(take_count(&p, 1, 100), 0);
	pending__done(&p);
}

Test(pending, numbers_that_begin_again_are_a_new_thread)
{
	struct pending p = { 0 };

	add(&p, 1, 5, 29);
	add(&p, 1, 5000, 30);
	add(&p, 1, 5, 31);
	cr_assert_eq(take_count(&p, 1, 5), 1, "nothing of the thread before");
	add(&p, 1, 6, 31);
	cr_assert_eq(take_count(&p, 1, 6), 1);
	pending__done(&p);
}

Test(pending, span_of_the_highest_number_does_not_shut_out_others)
{
	struct pending p = { 0 };

	add(&p, 1, UINT64_MAX, 30);
	add(&p, 1, 7, 30);
	add(&p, 1, 8, 30);
	cr_assert_eq(take_count(&p, 1, 7), 1);
	cr_assert_eq(take_count(&p, 1, 8), 1);
	pending__done(&p);
}

Test(pending, turn_takes_what_came_since_it_began)
{
	struct pending p = { 0 };
	struct ls_rec_stack rec;
	struct pending_span s;

	stack_init(&rec, 1, 5, 30);
	rec.hdr.ts_ns = 999;
	cr_assert_eq(pending__add_stack(&p, &rec), 0);
	add(&p, 1, 6, 31);
	add(&p, 1, 7, 32);
	s = take_unit(&p, 1, 7, LS_UNIT_TURN, 1000);
	cr_assert_eq(s.n_stacks, 2);
	pending_span__done(&s);
	cr_assert_eq(p.bytes, 0);
	pending__done(&p);
}

Test(pending, one_span_is_bounded_and_says_what_it_dropped)
{
	struct pending p = { 0 };
	uint64_t line;

	for (line = 0; line < PENDING_MAX_STACKS + 100; line++)
		add(&p, 1, 5, line);
	cr_assert_eq(p.dropped_stacks, 100);
	add(&p, 1, 5, 7);
	cr_assert_eq(p.dropped_stacks, 100, "a known stack still counts");
	cr_assert_eq(take_count(&p, 1, 5), PENDING_MAX_STACKS);
	pending__done(&p);
}

Test(pending, memory_is_bounded_over_many_threads_and_large_stacks)
{
	struct pending p = { 0 };
	struct ls_rec_stack rec;
	uint32_t tid;
	uint64_t i;

	for (tid = 1; tid <= 200; tid++) {
		for (i = 0; i < 300; i++) {
			stack_init(&rec, tid, 1 + i % 3, i);
			rec.n_frames = LS_MAX_FRAMES;
			cr_assert_eq(pending__add_stack(&p, &rec), 0);
			cr_assert_leq(p.bytes, PENDING_MAX_BYTES);
		}
	}
	cr_assert_gt(p.dropped_stacks, 0);
	cr_assert_eq(take_count(&p, 200, 3), 100, "the newest thread is whole");
	pending__done(&p);
	cr_assert_eq(p.bytes, 0);
}

Test(pending, number_of_threads_is_bounded)
{
	struct pending p = { 0 };
	uint32_t tid;

	for (tid = 1; tid <= PENDING_MAX_THREADS + 10; tid++)
		add(&p, tid, 1, 30);
	cr_assert_eq(p.dropped_stacks, 10);
	cr_assert_eq(take_count(&p, 1, 1), 0);
	cr_assert_eq(take_count(&p, 11, 1), 1);
	pending__done(&p);
}

Test(pending, victims_beyond_the_limit_are_left_out)
{
	struct ls_rec_victim rec = { .hdr = { .tgid = 1, .tid = 1 }, .span = 5 };
	struct pending p = { 0 };
	struct pending_span s;
	int i;

	for (i = 0; i < LS_MAX_VICTIM_NAMES + 5; i++) {
		rec.name.number = (uint64_t)i;
		cr_assert_eq(pending__add_victim(&p, &rec), 0);
	}
	s = take_unit(&p, 1, 5, LS_UNIT_STEP, 0);
	cr_assert_eq(s.n_victims, LS_MAX_VICTIM_NAMES);
	cr_assert_eq(s.victims[LS_MAX_VICTIM_NAMES - 1].name.number, LS_MAX_VICTIM_NAMES - 1);
	pending_span__done(&s);
	pending__done(&p);
}

Test(pending, threads_and_processes_are_forgotten)
{
	struct pending p = { 0 };

	add(&p, 1, 5, 30);
	add(&p, 2, 5, 30);
	pending__forget_thread(&p, 1, 1);
	pending__forget_thread(&p, 1, 99);
	cr_assert_eq(take_count(&p, 1, 5), 0);
	pending__forget_process(&p, 2);
	cr_assert_eq(take_count(&p, 2, 5), 1);
	add(&p, 2, 6, 30);
	pending__forget_process(&p, 1);
	cr_assert_eq(take_count(&p, 2, 6), 0);
	cr_assert_eq(p.bytes, 0);
	pending__done(&p);
}

/* Everything in any order: nothing may break, and the books must balance. */
Test(pending, random_records)
{
	struct pending p = { 0 };
	struct ls_rec_victim victim;
	struct ls_rec_stack rec;
	uint64_t seed = 42, span;
	struct pending_span s;
	uint32_t tid;
	int i;

	for (i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		tid = 1 + (seed >> 33) % 5;
		span = (seed >> 40) % 16 == 0 ? seed : 100 + (seed >> 36) % 200;
		switch ((seed >> 56) % 8) {
		case 0:
			s = take_unit(&p, tid, span, 1 + (seed >> 50) % 3, (seed >> 45) % 2000);
			pending_span__done(&s);
			break;
		case 1:
			memset(&victim, 0, sizeof(victim));
			victim.hdr = (struct ls_rec_hdr){ .tgid = 1, .tid = tid };
			victim.span = span;
			cr_assert_eq(pending__add_victim(&p, &victim), 0);
			break;
		case 2:
			if ((seed >> 50) % 64 == 0)
				pending__forget_thread(&p, 1, tid);
			break;
		default:
			stack_init(&rec, tid, span, (seed >> 30) % 100);
			rec.n_frames = (seed >> 42) % (LS_MAX_FRAMES + 1);
			cr_assert_eq(pending__add_stack(&p, &rec), 0);
		}
		cr_assert_leq(p.bytes, PENDING_MAX_BYTES);
	}
	pending__done(&p);
	cr_assert_eq(p.bytes, 0);
}
