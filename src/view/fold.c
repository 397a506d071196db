/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows are sorted by family (stem of the name and coroutine); each family of two or more becomes
 * one row. Families that the user unfolded are known by their hashes.
 */
#include "view/fold.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"

#define MIN_FAMILY 3 /* of fewer each has its row */
#define NAME_BYTES (MODEL_NAME_BYTES + 2)

/* A row of the snapshot and what it is sorted by. */
struct member {
	const struct victim_row *row;
	uint64_t family;
};

struct fold {
	struct victim_row *rows;
	size_t n, rows_size;
	struct member *members;
	size_t members_size;
	/* One for each row. */
	struct label {
		uint64_t family; /* 0: it stands for itself */
		size_t members;
		char name[NAME_BYTES];
	} * labels;
	size_t labels_size;
	uint64_t *opened;
	size_t n_opened, opened_size;
};

int fold__new(struct fold **ret_fold)
{
	*ret_fold = calloc(1, sizeof(**ret_fold));
	return *ret_fold ? 0 : -ENOMEM;
}

void fold__free(struct fold *f)
{
	if (!f)
		return;
	free(f->rows);
	free(f->members);
	free(f->labels);
	free(f->opened);
	free(f);
}

size_t fold_stem(const char *name)
{
	size_t n = strlen(name);

	while (n > 0 && isdigit((unsigned char)name[n - 1]))
		n--;
	/* A number alone is no family's name. */
	return n ? n : strlen(name);
}

/* 0 for a row that is of no family. */
static uint64_t family_of(const struct victim_row *row)
{
	const size_t stem = fold_stem(row->name);
	uint64_t hash = HASH_SEED;

	if (!row->name[stem])
		return 0;
	for (size_t i = 0; i < stem; i++)
		hash = hash_byte(hash, (unsigned char)row->name[i]);
	hash = hash_byte(hash, 0);
	return hash_string(hash, row->coroutine.name ?: "") | 1;
}

static int compare(const void *va, const void *vb)
{
	const struct member *a = va, *b = vb;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static bool is_opened(const struct fold *f, uint64_t family)
{
	for (size_t i = 0; i < f->n_opened; i++)
		if (f->opened[i] == family)
			return true;
	return false;
}

static struct victim_row *add_row(struct fold *f, const struct victim_row *row, uint64_t family)
{
	f->labels[f->n].family = family;
	f->rows[f->n] = *row;
	return &f->rows[f->n++];
}

/* The rows are in the order of starved time, so that of the first one is the most. */
static void add_family(struct fold *f, const struct member *members, size_t n)
{
	const char *name = members->row->name;
	char *label = f->labels[f->n].name;
	struct victim_row *sum = add_row(f, members->row, members->family);

	snprintf(label, NAME_BYTES, "%.*s*", (int)fold_stem(name), name);
	sum->name = label;
	f->labels[f->n - 1].members = n;
	for (size_t i = 1; i < n; i++) {
		const struct victim_row *row = members[i].row;

		sum->times += row->times;
		sum->starved_ns += row->starved_ns;
		sum->worst_ns = row->worst_ns > sum->worst_ns ? row->worst_ns : sum->worst_ns;
		sum->last_ns = row->last_ns > sum->last_ns ? row->last_ns : sum->last_ns;
	}
}

static void add_members(struct fold *f, const struct member *members, size_t n)
{
	const uint64_t family = members->family;

	if (family && n >= MIN_FAMILY && !is_opened(f, family)) {
		add_family(f, members, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		add_row(f, members[i].row, 0);
}

static int reserve(struct fold *f, size_t n)
{
	int r = ARRAY_RESERVE(f->rows, f->rows_size, n);

	r = r ?: ARRAY_RESERVE(f->members, f->members_size, n);
	return r ?: ARRAY_RESERVE(f->labels, f->labels_size, n);
}

int fold__apply(struct fold *f, const struct snapshot *snapshot, struct snapshot *ret_snapshot)
{
	const size_t n = snapshot->n_victims;
	size_t end;

	*ret_snapshot = *snapshot;
	f->n = 0;
	if (reserve(f, n + 1))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		f->members[i] =
			(struct member){ &snapshot->victims[i], family_of(&snapshot->victims[i]) };
	qsort(f->members, n, sizeof(*f->members), compare);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && f->members[end].family == f->members[i].family; end++)
			;
		add_members(f, &f->members[i], end - i);
	}
	ret_snapshot->victims = f->rows;
	ret_snapshot->n_victims = f->n;
	return 0;
}

static const struct label *label_of(const struct fold *f, const struct victim_row *row)
{
	return row >= f->rows && row < f->rows + f->n ? &f->labels[row - f->rows] : NULL;
}

size_t fold__members(const struct fold *f, const struct victim_row *row)
{
	const struct label *label = label_of(f, row);

	return label && label->family ? label->members : 1;
}

uint64_t fold__family(const struct fold *f, const struct victim_row *row)
{
	const struct label *label = label_of(f, row);

	return label ? label->family : 0;
}

void fold__open(struct fold *f, uint64_t family)
{
	if (!ARRAY_RESERVE(f->opened, f->opened_size, f->n_opened + 1))
		f->opened[f->n_opened++] = family;
}

bool fold__close(struct fold *f)
{
	const bool was_open = f->n_opened > 0;

	f->n_opened = 0;
	return was_open;
}
