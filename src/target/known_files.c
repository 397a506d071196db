/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A short list, the last file asked for in front: there is one entry for each file and what is looked for in it.
 */
#include "target/known_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/py_sends.h"

#define MAX_FILES 32 /* a process has about five; a hostile one may show others each time */

struct known_files {
	size_t n_owners, n;
	struct known_file *all; /* the last one asked for first */
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

/* Out of the list, or NULL. */
static struct known_file *take(struct known_files *k, const struct file_stamp *stamp, enum file_search search)
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

static int search_in(struct known_file *f, struct elf_image *img)
{
	switch (f->search) {
	case SEARCH_STEPS:
		return spots__add_steps(&f->spots, img, &f->steps);
	case SEARCH_POLLS:
		return spots__add_polls(&f->spots, img);
	case SEARCH_SENDS:
		return spots__add_sends(&f->spots, img);
	case SEARCH_SEND_DOORS:
		return spots__add_send_doors(&f->spots, img);
	case SEARCH_TASK_NOTES:
		return spots__add_task_notes(&f->spots, img);
	default:
		return spots__add_dns(&f->spots, img);
	}
}

static int search_anew(struct known_file **ret_found, const struct module_file *file, enum file_search search)
{
	_cleanup_(known_file__freep) struct known_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->stamp = file->stamp;
	f->search = search;
	r = search_in(f, file->img);
	if (r)
		return r;
	*ret_found = TAKE_PTR(f);
	return 0;
}

int known_files__search(struct known_files *k, const struct module_file *file, enum file_search search,
			const struct known_file **ret_found)
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
