/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See places.h.
 */
#include "model/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * The numbers come first because their size is fixed; each text ends with its only zero byte, so no
 * two different places give the same key.
 */
int place_key__make(const char *name, const char *file, uint32_t line, uint32_t more,
		    char **ret_key, size_t *ret_n)
{
	const size_t n_name = name ? strlen(name) + 1 : 1, n_file = file ? strlen(file) + 1 : 1;
	const size_t n_numbers = sizeof(line) + sizeof(more);
	char *key = calloc(1, n_numbers + n_name + n_file);

	if (!key)
		return -ENOMEM;
	memcpy(key, &line, sizeof(line));
	memcpy(key + sizeof(line), &more, sizeof(more));
	if (name)
		memcpy(key + n_numbers, name, n_name);
	if (file)
		memcpy(key + n_numbers + n_name, file, n_file);
	*ret_key = key;
	*ret_n = n_numbers + n_name + n_file;
	return 0;
}

static int text_compare(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

int places__compare(const struct code_info *a, const struct code_info *b)
{
	int r = text_compare(a->file, b->file);

	if (!r)
		r = (a->first_line > b->first_line) - (a->first_line < b->first_line);
	return r ? r : text_compare(a->name, b->name);
}

int places__get(struct place **places, size_t max, const struct code_info *info,
		struct place **ret_place)
{
	_cleanup_free_ char *key = NULL;
	struct place *p;
	size_t n;
	int r;

	r = place_key__make(info->name, info->file, info->first_line, 0, &key, &n);
	if (r)
		return r;
	HASH_FIND(hh, *places, key, n, p);
	*ret_place = p;
	if (p || HASH_COUNT(*places) >= max)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->key = key;
	p->info = *info;
	if (table__add_bytes(*places, p, n) < 0) {
		free(p);
		return -ENOMEM;
	}
	TAKE_PTR(key);
	*ret_place = p;
	return 0;
}

void places__done(struct place **places)
{
	struct place *p, *next;

	HASH_ITER (hh, *places, p, next) {
		HASH_DELETE(hh, *places, p);
		free(p->key);
		free(p->ended);
		free(p);
	}
}

void places__reset(struct place *places)
{
	struct place *p, *next;

	HASH_ITER (hh, places, p, next) {
		p->worst_ns = 0;
		p->causes = 0;
		p->entered_stalls = p->entered_starved_ns = 0;
		free(p->ended);
		p->ended = NULL;
	}
}
