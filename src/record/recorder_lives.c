/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at groups of tasks have few groups, so they are written whole.
 */
#include "record/recorder_impl.h"

static void put_life(struct recorder *rec, const struct life_group *group)
{
	struct buffer *out = &rec->out.raw;
	const size_t n = group->n_frames < LIFE_FRAMES ? group->n_frames : LIFE_FRAMES;

	buffer__varint(out, group->kind);
	buffer__varint(out, group->key);
	buffer__varint(out, group->code);
	buffer__varint(out, group->qualname);
	buffer__varint(out, group->other_code);
	buffer__varint(out, group->other_qualname);
	buffer__varint(out, group->count);
	buffer__varint(out, group->unawaited);
	buffer__varint(out, group->ended);
	buffer__varint(out, group->is_outside);
	buffer__varint(out, group->since_ns);
	recorder__put_name(rec, strings__intern(rec->pool, group->type));
	buffer__varint(out, group->origin.line);
	recorder__put_name(rec, strings__intern(rec->pool, group->origin.file));
	recorder__put_name(rec, strings__intern(rec->pool, group->origin.function));
	recorder__put_frames(rec, group->frames, n);
}

int recorder__lives(struct recorder *rec, uint64_t now_ns, uint32_t pid,
		    const struct life_group *list, size_t n)
{
	if (n > FORMAT_MAX_LIVES)
		n = FORMAT_MAX_LIVES;
	if (rec->error < 0)
		return rec->error;
	if (!n && !rec->has_lives)
		return recorder__end_input(rec);
	rec->has_lives = true;
	recorder__begin_input(rec, FORMAT_LIVES, now_ns);
	buffer__varint(&rec->out.raw, pid);
	buffer__varint(&rec->out.raw, n);
	for (size_t i = 0; i < n; i++)
		put_life(rec, &list[i]);
	return recorder__end_input(rec);
}
