/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collects the ELF files of a target and the spots in them, whichever runtime asks.
 */
#include "process/examine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "process/known_files.h"

static struct target_module *find_module(struct target *t, const struct file_stamp *stamp)
{
	for (size_t i = 0; i < t->n_modules; i++)
		if (t->modules[i].dev == (dev_t)stamp->dev &&
		    t->modules[i].ino == (ino_t)stamp->ino)
			return &t->modules[i];
	return NULL;
}

static int add_module(struct target *t, struct module_file *f, struct target_module **ret_module)
{
	struct target_module *modules =
		reallocarray(t->modules, t->n_modules + 1, sizeof(*modules));

	if (!modules)
		return -ENOMEM;
	t->modules = modules;
	modules[t->n_modules] = (struct target_module){
		.path = TAKE_PTR(f->path),
		.host_path = TAKE_PTR(f->host_path),
		.dev = (dev_t)f->stamp.dev,
		.ino = (ino_t)f->stamp.ino,
	};
	*ret_module = &modules[t->n_modules++];
	return 0;
}

int examine_add_spots(struct examination *x, struct module_file *f, const struct spots *s)
{
	struct target_module *m = find_module(x->t, &f->stamp);
	struct target_spot *spots;

	if (!s->n)
		return 0;
	if (!m) {
		int r = add_module(x->t, f, &m);

		if (r)
			return r;
	}
	spots = reallocarray(m->spots, m->n_spots + s->n, sizeof(*spots));
	if (!spots)
		return -ENOMEM;
	memcpy(spots + m->n_spots, s->at, s->n * sizeof(*spots));
	m->spots = spots;
	m->n_spots += s->n;
	return 0;
}

int examine_add_found(struct examination *x, struct module_file *f,
		      const struct file_search *search, size_t *ret_n)
{
	const struct known_file *found;
	int r = known_files__search(x->t->known, f, search, &found);

	*ret_n = r ? 0 : found->spots.n;
	return r ? r : examine_add_spots(x, f, &found->spots);
}

static bool finds_any(struct examination *x, struct module_file *f,
		      const struct file_search *search)
{
	size_t n;

	return !examine_add_found(x, f, search, &n) && n;
}

bool examine_add_polls(struct examination *x, struct module_file *f)
{
	return finds_any(x, f, &search_polls);
}

bool examine_add_plain_polls(struct examination *x, struct module_file *f)
{
	return finds_any(x, f, &search_plain_polls);
}

int examine_libc(struct examination *x)
{
	static const char *const names[] = { "libc.so.6", "libc-2.", "ld-musl-" };

	for (size_t i = 0; i < N_OF(names); i++) {
		_cleanup_(module_file__done) struct module_file file = { 0 };
		const struct map_entry *map = maps__find_name(x->maps, names[i]);
		const struct known_file *found;

		if (map && !module_file__open(&file, x->t->pid, map) &&
		    !known_files__search(x->t->known, &file, &search_dns, &found))
			return examine_add_spots(x, &file, &found->spots);
	}
	return 0;
}
