/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks whose life is not as it should be, as one look shows them: all that are alive are in
 * the await tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"

static void name_code(const struct dump *d, uint64_t code, uint64_t qualname,
		      struct code_info *ret_info)
{
	*ret_info = (struct code_info){ 0 };
	if (code)
		d->resolver.ops->code(d->resolver.ctx, (uint32_t)d->target->pid, code, qualname,
				      ret_info);
}

static void describe(const struct dump *d, const struct life_group *group, struct dump_life *life)
{
	life->group = group;
	name_code(d, group->code, group->qualname, &life->coroutine);
	if (group->kind == LIFE_DROPPED)
		life->coroutine.name = group->type;
	name_code(d, group->other_code, group->other_qualname, &life->other);
	for (size_t i = 0; i < group->n_frames; i++)
		life->frames[i] = dump__name_frame(d, &group->frames[i]);
}

static int by_kind(const void *a, const void *b)
{
	const struct dump_life *x = a, *y = b;

	if (x->group->kind != y->group->kind)
		return (int)x->group->kind - (int)y->group->kind;
	return (x->group->count < y->group->count) - (x->group->count > y->group->count);
}

int dump__name_lives(struct dump *d)
{
	d->lives_cut = d->life_read->is_cut;
	d->lives = calloc(d->life_read->n + 1, sizeof(*d->lives));
	if (!d->lives)
		return -ENOMEM;
	for (size_t i = 0; i < d->life_read->n; i++)
		if (d->life_read->groups[i].kind != LIFE_ALIVE)
			describe(d, &d->life_read->groups[i], &d->lives[d->n_lives++]);
	qsort(d->lives, d->n_lives, sizeof(*d->lives), by_kind);
	return 0;
}
