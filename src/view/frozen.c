/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays are copied one by one, and strings that the model may replace with them: names of tasks,
 * of victims, of processes, lines of the log. All copies lie in blocks that go together.
 */
#include "view/frozen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 65536
#define ALIGNMENT 16

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char bytes[];
};

struct frozen {
	struct snapshot snapshot;
	struct block *blocks;
	bool is_short; /* an allocation failed: some copy is missing */
};

static struct block *block_with(struct frozen *f, size_t size)
{
	struct block *block = f->blocks;
	size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

	if (block && block->size - block->used >= size)
		return block;
	block = malloc(sizeof(*block) + room);
	if (!block)
		return NULL;
	*block = (struct block){ .next = f->blocks, .size = room };
	f->blocks = block;
	return block;
}

/* Copies `data`. Returns `data` itself if it is empty or without memory, which sets `is_short`. */
static void *copy(struct frozen *f, const void *data, size_t size)
{
	size_t aligned = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct block *block = size > 0 ? block_with(f, aligned) : NULL;
	char *at;

	if (!block) {
		f->is_short |= size > 0;
		return (void *)data;
	}
	at = block->bytes + block->used;
	block->used += aligned;
	return memcpy(at, data, size);
}

static const char *copy_text(struct frozen *f, const char *text)
{
	return text ? copy(f, text, strlen(text) + 1) : NULL;
}

/* Evaluates to the copied array, which may be changed. */
#define COPY_ARRAY(f, type, array, n)                                                              \
	((type *)((f)->snapshot.array =                                                            \
			  copy((f), (f)->snapshot.array, (f)->snapshot.n * sizeof(type))))

static void copy_stalls(struct frozen *f)
{
	const struct stall **list = COPY_ARRAY(f, const struct stall *, stall_list, n_stalls);

	for (size_t i = 0; i < f->snapshot.n_stalls && !f->is_short; i++)
		list[i] = copy(f, list[i], sizeof(*list[i]));
}

static void copy_tasks(struct frozen *f)
{
	struct task_row *tasks = COPY_ARRAY(f, struct task_row, tasks, n_tasks);

	for (size_t i = 0; i < f->snapshot.n_tasks && !f->is_short; i++) {
		tasks[i].name = copy_text(f, tasks[i].name);
		tasks[i].waits_for = copy_text(f, tasks[i].waits_for);
		tasks[i].stack =
			copy(f, tasks[i].stack, tasks[i].n_frames * sizeof(*tasks[i].stack));
	}
}

/* Their trends are in the rows of coroutines, which were copied before. */
static void copy_groups(struct frozen *f, const struct snapshot *from)
{
	for (size_t k = 0; k < GROUP_MAX; k++) {
		struct group_row *rows =
			COPY_ARRAY(f, struct group_row, groups[k].rows, groups[k].n);

		for (size_t i = 0; i < f->snapshot.groups[k].n && !f->is_short; i++) {
			rows[i].name = copy_text(f, rows[i].name);
			if (rows[i].trend)
				rows[i].trend = (const float *)((const char *)f->snapshot.rows +
								((const char *)rows[i].trend -
								 (const char *)from->rows));
		}
	}
}

/* Some are about rows that the next snapshot replaces. */
static void copy_findings(struct frozen *f, const struct snapshot *from)
{
	struct finding_row *rows = COPY_ARRAY(f, struct finding_row, findings, n_findings);

	COPY_ARRAY(f, struct pool_row, pools, n_pools);
	COPY_ARRAY(f, struct life_row, lives, n_lives);
	for (size_t i = 0; i < f->snapshot.n_findings && !f->is_short; i++) {
		if (rows[i].pool)
			rows[i].pool = f->snapshot.pools + (rows[i].pool - from->pools);
		if (rows[i].life)
			rows[i].life = f->snapshot.lives + (rows[i].life - from->lives);
	}
}

/* Arrays with one string in each row. */
#define COPY_NAMED(f, type, array, n, text)                                                        \
	do {                                                                                       \
		type *rows = COPY_ARRAY(f, type, array, n);                                        \
		size_t i;                                                                          \
                                                                                                   \
		for (i = 0; i < (f)->snapshot.n && !(f)->is_short; i++)                            \
			rows[i].text = copy_text((f), rows[i].text);                               \
	} while (0)

int frozen__new(struct frozen **ret_frozen, const struct snapshot *snapshot)
{
	struct frozen *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->snapshot = *snapshot;
	COPY_ARRAY(f, struct coroutine_row, rows, n_rows);
	copy_groups(f, snapshot);
	copy_findings(f, snapshot);
	COPY_ARRAY(f, struct loss, losses, n_losses);
	COPY_ARRAY(f, struct site_row, sites, n_sites);
	COPY_ARRAY(f, struct holder_row, holders, n_holders);
	COPY_ARRAY(f, struct holder_row, lock_holders, n_lock_holders);
	COPY_ARRAY(f, struct stall, live, n_live);
	COPY_ARRAY(f, struct second_row, seconds, n_seconds);
	COPY_ARRAY(f, struct payer_row, payers, n_payers);
	COPY_NAMED(f, struct victim_row, victims, n_victims, name);
	COPY_NAMED(f, struct loop_row, loops, n_loops, process);
	COPY_NAMED(f, struct log_row, log, n_log, text);
	copy_stalls(f);
	copy_tasks(f);
	if (f->is_short) {
		frozen__free(f);
		return -ENOMEM;
	}
	*ret_frozen = f;
	return 0;
}

void frozen__free(struct frozen *f)
{
	struct block *block, *next;

	for (block = f ? f->blocks : NULL; block; block = next) {
		next = block->next;
		free(block);
	}
	free(f);
}

const struct snapshot *frozen__snapshot(const struct frozen *f)
{
	return &f->snapshot;
}
