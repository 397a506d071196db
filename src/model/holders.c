/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of holders. A thread whose stack is not known has a row by its name.
 */
#include "model/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/holder.h"
#include "model/places.h"

struct holders_line {
	char *key;
	struct holder_row row;
	UT_hash_handle hh;
};

void holders__done(struct holders *h)
{
	table__free(h->lines, table__free_keyed);
	free(h->rows);
	memset(h, 0, sizeof(*h));
}

static int add_line(struct holders *h, char *key, size_t n, const struct model_frame *at,
		    struct holders_line **ret_line)
{
	struct holders_line *line = calloc(1, sizeof(*line));

	if (!line)
		return -ENOMEM;
	line->key = key;
	if (at)
		line->row.at = *at;
	if (table__add_bytes(h->lines, line, n) < 0) {
		free(line);
		return -ENOMEM;
	}
	*ret_line = line;
	return 0;
}

/* NULL in *ret_line if there is no room. */
static int get_line(struct holders *h, const struct stall *stall, const struct model_holder *holder,
		    struct holders_line **ret_line)
{
	const struct model_frame *at = holder__own_frame(holder, stall->words);
	_cleanup_free_ char *key = NULL;
	size_t n;
	int r;

	r = place_key__make(at ? at->function : holder->name, at ? at->file : "", at ? at->line : 0,
			    holder->is_process | (uint32_t)holder->is_collecting << 1, &key, &n);
	if (r)
		return r;
	HASH_FIND(hh, h->lines, key, n, *ret_line);
	if (*ret_line)
		return 0;
	if (HASH_COUNT(h->lines) >= HOLDERS_MAX) {
		h->refused++;
		return 0;
	}
	r = add_line(h, key, n, at, ret_line);
	if (!r)
		TAKE_PTR(key);
	return r;
}

int holders__add(struct holders *h, const struct stall *stall, const struct model_holder *holder,
		 uint64_t waited_ns)
{
	struct holders_line *line;
	int r;

	if (!holder->tid)
		return 0;
	h->is_changed = true;
	r = get_line(h, stall, holder, &line);
	if (r || !line)
		return r;
	memcpy(line->row.name, holder->name, sizeof(line->row.name));
	line->row.is_process = holder->is_process;
	line->row.is_collecting = holder->is_collecting;
	line->row.words = stall->words;
	line->row.stalls++;
	line->row.waited_ns += waited_ns;
	line->row.starved_ns += stall__starved_share_ns(stall, waited_ns);
	return 0;
}

static int row_compare(const void *va, const void *vb)
{
	const struct holder_row *a = va, *b = vb;
	int r;

	if (a->waited_ns != b->waited_ns)
		return a->waited_ns < b->waited_ns ? 1 : -1;
	if (!a->at.file || !b->at.file)
		return !a->at.file && !b->at.file ? strcmp(a->name, b->name) : !a->at.file ? 1 : -1;
	r = strcmp(a->at.file, b->at.file);
	if (!r)
		r = (a->at.line > b->at.line) - (a->at.line < b->at.line);
	return r ? r : strcmp(a->at.function, b->at.function);
}

static int make_rows(struct holders *h)
{
	struct holder_row *rows = reallocarray(h->rows, HASH_COUNT(h->lines) + 1, sizeof(*rows));
	struct holders_line *line, *next;

	if (!rows)
		return -ENOMEM;
	h->rows = rows;
	h->n_rows = 0;
	HASH_ITER (hh, h->lines, line, next)
		rows[h->n_rows++] = line->row;
	qsort(rows, h->n_rows, sizeof(*rows), row_compare);
	h->is_changed = false;
	return 0;
}

int holders__rows(struct holders *h, size_t *ret_n, const struct holder_row **ret_rows)
{
	const int r = h->is_changed ? make_rows(h) : 0;

	if (r)
		return r;
	*ret_n = h->n_rows;
	*ret_rows = h->rows;
	return 0;
}
