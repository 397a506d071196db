/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ages of tasks by comparison of two looks.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "session/lives.h"

static size_t add(struct lifecycle *life, enum life_kind kind, uint64_t code, uint64_t object,
		  uint64_t identity)
{
	const struct life_group like = { .kind = kind, .code = code };
	const size_t group = lifecycle__group(life, &like);

	cr_assert_lt(group, LIFE_GROUPS_MAX);
	cr_assert_eq(lifecycle__add(life, group, object, identity), 0);
	return group;
}

static struct lifecycle *life_new(void)
{
	struct lifecycle *life = calloc(1, sizeof(*life));

	cr_assert_not_null(life);
	return life;
}

static void life_free(struct lifecycle *life)
{
	lifecycle__done(life);
	free(life);
}

Test(lives, the_oldest_says_since_when)
{
	struct lifecycle *life = life_new();
	struct lives lives = { 0 };
	size_t group, other;

	add(life, LIFE_ALIVE, 1, 0x30, 7);
	cr_assert_eq(lives__look(&lives, life, 100), 0);
	cr_expect_eq(life->groups[0].since_ns, 100);
	lifecycle__clear(life);
	/* A new one in front of it, and the same one with a problem. */
	add(life, LIFE_ALIVE, 1, 0x20, 8);
	group = add(life, LIFE_ALIVE, 1, 0x30, 7);
	other = add(life, LIFE_CANCELLED, 1, 0x30, 7);
	cr_assert_eq(lives__look(&lives, life, 200), 0);
	cr_expect_eq(life->groups[group].count, 2);
	cr_expect_eq(life->groups[group].since_ns, 100);
	cr_expect_eq(life->groups[group].ended, 0);
	cr_expect_eq(life->groups[other].since_ns, 200, "it was cancelled only now");
	lives__done(&lives);
	life_free(life);
}

Test(lives, who_left_has_ended)
{
	struct lifecycle *life = life_new();
	struct lives lives = { 0 };

	for (uint64_t object = 0x10; object <= 0x50; object += 0x10)
		add(life, LIFE_ALIVE, 1, object, 7);
	cr_assert_eq(lives__look(&lives, life, 100), 0);
	lifecycle__clear(life);
	add(life, LIFE_ALIVE, 1, 0x20, 7);
	add(life, LIFE_ALIVE, 1, 0x30, 9); /* another one at its address */
	add(life, LIFE_ALIVE, 2, 0x40, 7); /* it waits elsewhere now */
	cr_assert_eq(lives__look(&lives, life, 200), 0);
	cr_expect_eq(life->groups[0].ended, 4, "the first, the third, the fourth, the fifth");
	cr_expect_eq(life->groups[0].since_ns, 100);
	cr_expect_eq(life->groups[1].ended, 0);
	cr_expect_eq(life->groups[1].since_ns, 200);
	lives__done(&lives);
	life_free(life);
}

/* Cheap looks in between leave out what is rare, and forget nothing of it. */
Test(lives, the_rare_ones_at_full_looks)
{
	struct lifecycle *life = life_new();
	struct lives lives = { 0 };
	size_t n_full = 0;

	for (uint64_t i = 0; i < 2 * LIFE_RARE_LOOKS + 3; i++) {
		size_t rare;

		life->depth = lives__depth(&lives);
		lifecycle__clear(life);
		add(life, LIFE_ALIVE, 1, 0x30, 7);
		if (life->depth == LIFE_CHEAP) {
			cr_assert_eq(lives__look(&lives, life, 100 + i), 0);
			continue;
		}
		rare = add(life, LIFE_UNSTARTED, 1, 0x20, 8);
		cr_assert_eq(lives__look(&lives, life, 100 + i), 0);
		cr_expect_eq(life->groups[rare].since_ns, 102, "since %zu",
			     (size_t)life->groups[rare].since_ns);
		cr_expect_eq(life->groups[rare].ended, 0);
		n_full++;
	}
	cr_expect_eq(n_full, 3);
	lives__done(&lives);
	life_free(life);
}

Test(lives, problems_are_passed_on_first)
{
	struct lifecycle *life = life_new();
	struct life_group chosen[3];

	for (uint64_t object = 1; object <= 9; object++)
		add(life, LIFE_ALIVE, 1, object, 0);
	for (uint64_t object = 1; object <= 5; object++)
		add(life, LIFE_ALIVE, 2, object, 0);
	add(life, LIFE_DEADLOCK, 3, 1, 0);
	add(life, LIFE_GENERATOR, 4, 1, 0);
	cr_assert_eq(lives__choose(life, chosen, 3), 3);
	cr_expect_eq(chosen[0].kind, LIFE_DEADLOCK);
	cr_expect_eq(chosen[1].count, 9);
	cr_expect_eq(chosen[2].count, 5);
	cr_expect_eq(lives__choose(life, chosen, 0), 0);
	life_free(life);
}

Test(lives, groups_are_told_apart_by_what_they_are)
{
	struct lifecycle *life = life_new();
	struct life_group like = { .kind = LIFE_ALIVE, .code = 1, .n_frames = 1 };
	const size_t first = lifecycle__group(life, &like);

	cr_expect_eq(lifecycle__group(life, &like), first);
	like.frames[0].position = 8;
	cr_expect_neq(lifecycle__group(life, &like), first);
	like.frames[0].position = 0;
	strcpy(like.type, "Task");
	cr_expect_neq(lifecycle__group(life, &like), first);
	*like.type = '\0';
	like.origin.line = 3;
	cr_expect_neq(lifecycle__group(life, &like), first);
	like.origin.line = 0;
	like.kind = LIFE_CANCELLED;
	cr_expect_neq(lifecycle__group(life, &like), first);
	cr_expect_eq(life->n, 5);
	cr_expect_not(life->is_cut);
	for (like.code = 2; like.code < LIFE_GROUPS_MAX; like.code++)
		lifecycle__group(life, &like);
	cr_expect_eq(life->n, LIFE_GROUPS_MAX);
	cr_expect(life->is_cut);
	life_free(life);
}
