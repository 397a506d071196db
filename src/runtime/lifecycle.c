/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups are few, so they are found by comparing keys one by one; most tasks are in the group of
 * the task before.
 */
#include "runtime/lifecycle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"

static const struct {
	const char *word, *noun, *one, *many;
} words[] = {
#define _(name, word, noun, one, many) { word, noun, one, many },
	LIFE_KINDS(_)
#undef _
};

const char *life_kind__word(enum life_kind kind)
{
	return words[kind].word;
}

const char *life_kind__noun(enum life_kind kind)
{
	return words[kind].noun;
}

const char *life_kind__phrase(enum life_kind kind, uint64_t count)
{
	return count == 1 ? words[kind].one : words[kind].many;
}

void lifecycle__done(struct lifecycle *life)
{
	free(life->members);
	life->members = NULL;
	life->n = life->n_members = life->size = 0;
}

void lifecycle__clear(struct lifecycle *life)
{
	life->alive = life->n = life->n_members = 0;
	life->is_cut = false;
}

static uint64_t key_of(const struct life_group *group)
{
	uint64_t hash = hash_word(HASH_SEED, group->kind);

	hash = hash_word(hash, group->code);
	hash = hash_word(hash, group->other_code);
	for (size_t i = 0; i < group->n_frames; i++) {
		hash = hash_word(hash, group->frames[i].code);
		hash = hash_word(hash, group->frames[i].position);
	}
	return hash_word(hash_string(hash, group->type), group->origin.line);
}

size_t lifecycle__group(struct lifecycle *life, const struct life_group *like)
{
	const uint64_t key = key_of(like);

	for (size_t i = life->n; i-- > 0;)
		if (life->groups[i].key == key)
			return i;
	if (life->n == LIFE_GROUPS_MAX) {
		life->is_cut = true;
		return SIZE_MAX;
	}
	life->groups[life->n] = *like;
	life->groups[life->n].key = key;
	life->groups[life->n].count = 0;
	return life->n++;
}

int lifecycle__add(struct lifecycle *life, size_t group, uint64_t object, uint64_t identity)
{
	if (ARRAY_RESERVE(life->members, life->size, life->n_members + 1))
		return -ENOMEM;
	life->members[life->n_members++] =
		(struct life_member){ object, identity, (uint32_t)group };
	life->groups[group].count++;
	return 0;
}
