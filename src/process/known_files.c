/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A short list, most recently used first, with one entry for each pair of file and search.
 */
#include "process/known_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/work.h"

#define MAX_FILES 32 /* a process has about five; a hostile one may show others each time */

struct known_files {
	size_t n_owners, n;
	struct known_file *all; /* most recently used first */
	void (*on_search)(void *ctx);
	void *ctx;
};

int known_files__new(struct known_files **ret_known)
{
	struct known_files *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->n_owners = 1;
	*ret_known = k;
	return 0;
}

struct known_files *known_files__share(struct known_files *k)
{
	k->n_owners++;
	return k;
}

void known_files__on_search(struct known_files *k, void (*fn)(void *ctx), void *ctx)
{
	k->on_search = fn;
	k->ctx = ctx;
}

static void known_file__free(struct known_file *f)
{
	if (!f)
		return;
	spots__done(&f->spots);
	free(f);
}

static void known_file__freep(struct known_file **f)
{
	known_file__free(*f);
}

void known_files__free(struct known_files *k)
{
	if (!k || --k->n_owners)
		return;
	for (struct known_file *f = k->all, *next; f; f = next) {
		next = f->next;
		known_file__free(f);
	}
	free(k);
}

/* Removes it from the list and returns it, or NULL. */
static struct known_file *take(struct known_files *k, const struct file_stamp *stamp,
			       const struct file_search *search)
{
	for (struct known_file **at = &k->all; *at; at = &(*at)->next) {
		struct known_file *f = *at;

		if (f->search != search || memcmp(&f->stamp, stamp, sizeof(*stamp)))
			continue;
		*at = f->next;
		k->n--;
		return f;
	}
	return NULL;
}

static void drop_oldest(struct known_files *k)
{
	struct known_file **at = &k->all;

	while ((*at)->next)
		at = &(*at)->next;
	known_file__free(*at);
	*at = NULL;
	k->n--;
}

static int run_polls(struct spots *spots, struct elf_image *img, void *facts)
{
	(void)facts;
	return spots__add_polls(spots, img);
}

static int run_plain_polls(struct spots *spots, struct elf_image *img, void *facts)
{
	(void)facts;
	return spots__add_plain_polls(spots, img);
}

static int run_dns(struct spots *spots, struct elf_image *img, void *facts)
{
	(void)facts;
	return spots__add_dns(spots, img);
}

const struct file_search search_polls = { run_polls, 0 };
const struct file_search search_plain_polls = { run_plain_polls, 0 };
const struct file_search search_dns = { run_dns, 0 };

static int search_anew(struct known_file **ret_found, const struct module_file *file,
		       const struct file_search *search)
{
	_cleanup_(known_file__freep) struct known_file *f =
		calloc(1, sizeof(*f) + search->facts_bytes);
	int r;

	if (!f)
		return -ENOMEM;
	f->stamp = file->stamp;
	f->search = search;
	r = search->run(&f->spots, file->img, f->facts);
	/* What a search that was cut short did not find may be there all the same. */
	if (!r)
		r = work_check();
	if (r)
		return r;
	*ret_found = TAKE_PTR(f);
	return 0;
}

int known_files__search(struct known_files *k, const struct module_file *file,
			const struct file_search *search, const struct known_file **ret_found)
{
	struct known_file *f = take(k, &file->stamp, search);
	int r = 0;

	if (!f && k->on_search)
		k->on_search(k->ctx);
	if (!f)
		r = search_anew(&f, file, search);
	if (r)
		return r;
	if (k->n == MAX_FILES)
		drop_oldest(k);
	f->next = k->all;
	k->all = f;
	k->n++;
	*ret_found = f;
	return 0;
}
