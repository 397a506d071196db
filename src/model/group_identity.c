/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See group_identity.h.
 */
#include "model/group_identity.h"

#include "model/groups.h"
#include "model/naming.h"
#include "model/places.h"

bool group_is_entered(const struct stall *stall)
{
	const char *file = stall->coroutine.file;

	return stall->unit != LS_UNIT_TURN && stall->entry.function && stall->is_entry_users &&
		file && runtime_words__is_library(stall->words, file);
}

/* A turn without a main coroutine is made of many steps, of several coroutines. */
static struct group_identity identity_of_code(const struct stall *stall)
{
	const struct code_info *c = &stall->coroutine;
	const bool is_turn = stall->unit == LS_UNIT_TURN;

	return (struct group_identity){
		.name = c->name ? c->name :
			is_turn ? "(many short steps)" :
				  "(not known)",
		.file = c->file,
		.line = c->first_line,
		.more = (uint32_t)stall->unit,
	};
}

static struct group_identity identity_of_entry(const struct stall *stall)
{
	if (!stall->entry.function || stall->unit == LS_UNIT_TURN)
		return identity_of_code(stall);
	return (struct group_identity){ .name = stall->entry.function,
					.file = stall->entry.file,
					.line = stall->entry_def_line };
}

size_t group_find_behind(const struct stall *stall)
{
	size_t at = stall->n_frames;

	while (at > 0 && !frame_is_same_function(&stall->stack[at - 1], &stall->entry))
		at--;
	for (; at > 0; at--) {
		const struct model_frame *frame = &stall->stack[at - 1];

		if (frame_is_known(frame) && !frame_is_same_function(frame, &stall->entry) &&
		    !runtime_words__is_library(stall->words, frame->file) &&
		    !runtime_words__is_nameless(stall->words, frame->function))
			return at - 1;
	}
	return SIZE_MAX;
}

struct group_identity group_identity__behind(const struct stall *stall, uint32_t entry)
{
	const size_t i = group_find_behind(stall);
	struct group_identity id = identity_of_entry(stall);

	if (i != SIZE_MAX)
		id = (struct group_identity){ .name = stall->stack[i].function,
					      .file = stall->stack[i].file,
					      .line = stall->def_lines[i] };
	id.more = entry;
	return id;
}

static struct group_identity identity_of_task(const struct stall *stall)
{
	const struct runtime_words *w = runtime_words__or_default(stall->words);
	const char *name = stall->task_name;

	if (stall->unit != LS_UNIT_STEP || stall->is_task_name_unknown || !*name ||
	    (w->is_given_name && w->is_given_name(name)))
		return identity_of_code(stall);
	return (struct group_identity){ .name = name, .is_name_copied = true };
}

static struct group_identity identity_of_route(const struct stall *stall)
{
	if (!*stall->request.label)
		return identity_of_code(stall);
	return (struct group_identity){ .name = stall->request.label, .is_name_copied = true };
}

static struct group_identity identity_of_test(const struct stall *stall)
{
	if (!*stall->test)
		return identity_of_code(stall);
	return (struct group_identity){ .name = stall->test, .is_name_copied = true };
}

static struct group_identity identity_of_file(const struct stall *stall)
{
	const char *own = stall->own.file, *file = own ? own : stall->coroutine.file;

	if (!file || stall->unit == LS_UNIT_TURN)
		return identity_of_code(stall);
	return (struct group_identity){ .name = file, .file = file };
}

bool group_identity__of(const struct stall *stall, enum group_key of, struct group_identity *ret)
{
	switch (of) {
	case GROUP_AUTO:
		*ret = group_is_entered(stall) ? identity_of_entry(stall) : identity_of_code(stall);
		return group_is_entered(stall) || stall->unit != LS_UNIT_STEP;
	case GROUP_COROUTINE:
		*ret = identity_of_code(stall);
		return stall->unit != LS_UNIT_STEP;
	case GROUP_ENTRY:
		*ret = identity_of_entry(stall);
		return true;
	case GROUP_ROUTE:
		*ret = identity_of_route(stall);
		return true;
	case GROUP_TEST:
		*ret = identity_of_test(stall);
		return true;
	case GROUP_FILE:
		*ret = identity_of_file(stall);
		return true;
	case GROUP_TASK:
		*ret = identity_of_task(stall);
		return true;
	case GROUP_PROCESS:
		*ret = (struct group_identity){ .name = "?", .more = stall->pid };
		return true;
	case GROUP_MAX:
		break;
	}
	return false;
}

static bool is_row_of(const struct group_row *row, const struct group_identity *id)
{
	const struct code_info have = { row->name, row->file, row->line };
	const struct code_info want = { id->name, id->file, id->line };

	return !places__compare(&have, &want);
}

bool group__has(enum group_key of, const struct group_row *row, const struct stall *stall)
{
	struct group_identity id = {};

	if (of == GROUP_PROCESS)
		return row->pid == stall->pid;
	group_identity__of(stall, of, &id);
	/* A function may be a coroutine, a callback, or the one of a turn. */
	if (is_row_of(row, &id))
		return !id.more || row->unit == LS_UNIT_NONE || row->unit == stall->unit;
	if (of != GROUP_AUTO || !row->is_entry || !group_is_entered(stall))
		return false;
	id = group_identity__behind(stall, 0);
	return is_row_of(row, &id);
}
