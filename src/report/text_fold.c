/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See text_fold.h. A line says the same if process, unit, cause, place, and coroutine or entry are
 * the same.
 */
#include "report/text_fold.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "base/time.h"
#include "model/group_identity.h"
#include "report/format.h"
#include "report/wording.h"

#define FOLD_NS (4 * NS_PER_S)
#define MAX_FOLDS 128 /* with more kinds of line, the others are not folded */

struct text_fold {
	char *key;
	uint64_t last_ns; /* end of the last one, written or kept */
	/* of those that are kept */
	uint64_t n, from_ns, min_ns;
	struct stall longest;
	UT_hash_handle hh;
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static char *key_of(const struct stall *s)
{
	const struct model_frame *at = wording_place(s);
	const char *entry = group_is_entered(s) ? s->entry.function : NULL;
	char *key;

	if (asprintf(&key, "%u %d %d %u\n%s\n%s\n%s\n%u\n%s\n%s", s->pid, s->unit, s->cause,
		     s->coroutine.first_line, or_empty(s->coroutine.name),
		     or_empty(s->coroutine.file), or_empty(entry), at->line, or_empty(at->function),
		     or_empty(at->file)) < 0)
		return NULL;
	return key;
}

static uint64_t end_ns(const struct stall *s)
{
	return s->start_ns + s->duration_ns;
}

static void fold_free(struct text_fold *fold)
{
	free(fold->key);
	free(fold);
}

void text_folds__done(struct text_folds *f)
{
	table__free(f->table, fold_free);
}

/* "19-31 ms", "812 us-1.20 ms", "30.3 ms" */
static void range(uint64_t min_ns, uint64_t max_ns, char buf[2 * FORMAT_NUMBER_BYTES])
{
	char min[FORMAT_NUMBER_BYTES], max[FORMAT_NUMBER_BYTES];
	const char *unit;

	format__duration(min_ns, min);
	format__duration(max_ns, max);
	unit = strchr(min, ' ');
	if (!strcmp(min, max))
		snprintf(buf, 2 * FORMAT_NUMBER_BYTES, "%s", max);
	else if (unit && strchr(max, ' ') && !strcmp(unit, strchr(max, ' ')))
		snprintf(buf, 2 * FORMAT_NUMBER_BYTES, "%.*s-%s", (int)(unit - min), min, max);
	else
		snprintf(buf, 2 * FORMAT_NUMBER_BYTES, "%s-%s", min, max);
}

static int write_fold(struct text_fold *fold, text_fold_fn fn, void *ctx)
{
	const uint64_t seconds = (fold->last_ns - fold->from_ns + NS_PER_S / 2) / NS_PER_S;
	char took[2 * FORMAT_NUMBER_BYTES], text[TEXT_FOLD_BYTES];

	range(fold->min_ns, fold->longest.duration_ns, took);
	snprintf(text, sizeof(text), "\u00d7%" PRIu64 " in %" PRIu64 " s, %s", fold->n,
		 seconds ? seconds : 1, took);
	return fn(ctx, &fold->longest, fold->n > 1 ? text : NULL);
}

static int flush_fold(struct text_fold *fold, text_fold_fn fn, void *ctx)
{
	const int r = fold->n ? write_fold(fold, fn, ctx) : 0;

	fold->n = 0;
	return r;
}

int text_folds__tick(struct text_folds *f, uint64_t now_ns, text_fold_fn fn, void *ctx)
{
	struct text_fold *fold, *next;
	int r = 0;

	HASH_ITER (hh, f->table, fold, next) {
		if (now_ns < fold->last_ns ||
		    (fold->n ? now_ns - fold->from_ns < FOLD_NS : now_ns - fold->last_ns < FOLD_NS))
			continue;
		r = flush_fold(fold, fn, ctx);
		if (r < 0)
			return r;
		/* The next one is news again. */
		if (now_ns - fold->last_ns < FOLD_NS)
			continue;
		HASH_DEL(f->table, fold);
		fold_free(fold);
	}
	return 0;
}

int text_folds__flush(struct text_folds *f, text_fold_fn fn, void *ctx)
{
	struct text_fold *fold, *next;
	int r = 0;

	HASH_ITER (hh, f->table, fold, next) {
		r = flush_fold(fold, fn, ctx);
		if (r < 0)
			break;
	}
	return r;
}

static void keep(struct text_fold *fold, const struct stall *stall)
{
	if (!fold->n++) {
		fold->from_ns = stall->start_ns;
		fold->min_ns = UINT64_MAX;
		fold->longest.duration_ns = 0;
	}
	if (stall->duration_ns < fold->min_ns)
		fold->min_ns = stall->duration_ns;
	if (stall->duration_ns > fold->longest.duration_ns)
		fold->longest = *stall;
	fold->last_ns = end_ns(stall);
}

/* Remembers that it was written. 0 or -ENOMEM. */
static int add_kind(struct text_folds *f, char *key, const struct stall *stall)
{
	struct text_fold *fold;

	if (HASH_COUNT(f->table) >= MAX_FOLDS) {
		free(key);
		return 0;
	}
	fold = calloc(1, sizeof(*fold));
	if (!fold) {
		free(key);
		return -ENOMEM;
	}
	fold->key = key;
	fold->last_ns = end_ns(stall);
	if (table__add_bytes(f->table, fold, strlen(key)) < 0) {
		fold_free(fold);
		return -ENOMEM;
	}
	return 0;
}

int text_folds__stall(struct text_folds *f, const struct stall *stall, text_fold_fn fn, void *ctx)
{
	const bool may_fold = stall->end == LS_END_RETURN && !stall->began_before;
	_cleanup_free_ char *key = NULL;
	struct text_fold *fold = NULL;
	int r = text_folds__tick(f, end_ns(stall), fn, ctx);

	if (r < 0)
		return r;
	key = may_fold ? key_of(stall) : NULL;
	if (may_fold && !key)
		return -ENOMEM;
	if (key)
		HASH_FIND_STR(f->table, key, fold);
	if (fold) {
		keep(fold, stall);
		return 0;
	}
	r = key ? add_kind(f, TAKE_PTR(key), stall) : 0;
	return r < 0 ? r : fn(ctx, stall, NULL);
}
