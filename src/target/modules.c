/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which ELF files of a process matter, mapped now or imported later, and what is found in each:
 * asyncio's accelerator, the module that polls (select, libuv), the C library.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "target/examine.h"
#include "target/known_files.h"
#include "target/py_debug_offsets.h"
#include "target/py_offsets.h"
#include "target/py_sends.h"
#include "target/spots.h"

/* Takes over the file's names; merges with what is known of the same file. */
static int add_module(struct target *t, struct module_file *f, const struct spots *s)
{
	struct target_module *modules;
	struct target_spot *copy;

	if (!s->n)
		return 0;
	for (size_t i = 0; i < t->n_modules; i++) {
		struct target_module *m = &t->modules[i];
		struct target_spot *spots;

		if (m->dev != (dev_t)f->stamp.dev || m->ino != (ino_t)f->stamp.ino)
			continue;
		spots = realloc(m->spots, (m->n_spots + s->n) * sizeof(*spots));
		if (!spots)
			return -ENOMEM;
		memcpy(spots + m->n_spots, s->at, s->n * sizeof(*spots));
		m->spots = spots;
		m->n_spots += s->n;
		return 0;
	}
	copy = malloc(s->n * sizeof(*copy));
	modules = copy ? realloc(t->modules, (t->n_modules + 1) * sizeof(*modules)) : NULL;
	if (!modules) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, s->at, s->n * sizeof(*copy));
	t->modules = modules;
	modules[t->n_modules++] = (struct target_module){
		.path = TAKE_PTR(f->path),
		.host_path = TAKE_PTR(f->host_path),
		.dev = (dev_t)f->stamp.dev,
		.ino = (ino_t)f->stamp.ino,
		.n_spots = s->n,
		.spots = copy,
	};
	return 0;
}

static const struct map_entry *find_extension(const struct maps *maps, const char *name)
{
	const struct map_entry *map;
	char prefix[40];

	snprintf(prefix, sizeof(prefix), "%s.", name);
	for (size_t i = 0; i < maps->n; i++) {
		map = &maps->entries[i];
		if (!strncmp(map->name, prefix, strlen(prefix)) && strstr(map->name, ".so"))
			return map;
	}
	return NULL;
}

/* Path in the target of the extension module `name` in `dir`, if it has one for this version. */
static int look_in(struct examination *x, const char *dir, const char *name, char **ret_path)
{
	_cleanup_free_ char *host = NULL;
	_cleanup_(dir_close) DIR *d = NULL;
	struct dirent *e;
	char prefix[64];

	if (asprintf(&host, "/proc/%d/root%s", x->t->pid, dir) < 0)
		return -ENOMEM;
	d = opendir(host);
	if (!d)
		return -ENOENT;
	snprintf(prefix, sizeof(prefix), "%s.cpython-3%u%s-", name, x->t->version[1],
		 x->t->is_free_threaded ? "t" : "");
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)) && strstr(e->d_name, ".so"))
			return asprintf(ret_path, "%s/%s", dir, e->d_name) < 0 ? -ENOMEM : 0;
	return -ENOENT;
}

/* The directory `levels` above the file `path`. */
static char *ancestor_of(const char *path, int levels)
{
	size_t len = strlen(path);

	while (levels-- > 0)
		while (len && path[--len] != '/')
			;
	return strndup(path, len);
}

/* The file that the interpreter would import, before it has done so. */
static int look_for_extension(struct examination *x, const char *name, char **ret_path)
{
	static const struct {
		int levels; /* above <prefix>/bin/python3 or <prefix>/lib/libpython3.so */
		const char *below;
	} places[] = { { 2, "/lib" }, { 2, "/lib64" }, { 1, "" }, { 2, "" }, { 3, "/lib" } };
	const struct map_entry *other = maps__find_part(x->maps, "/lib-dynload/");
	_cleanup_free_ char *beside = other ? ancestor_of(other->path, 1) : NULL;

	if (beside && !look_in(x, beside, name, ret_path))
		return 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		_cleanup_free_ char *base = ancestor_of(x->t->core_path, places[i].levels);
		_cleanup_free_ char *dir = NULL;
		int r;

		if (!base ||
		    asprintf(&dir, "%s%s/python3.%u%s/lib-dynload", base, places[i].below,
			     x->t->version[1], x->t->is_free_threaded ? "t" : "") < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		r = look_in(x, dir, name, ret_path);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* Opens an extension module, mapped or not. -ENOENT if it is nowhere: built in, or not installed. */
static int open_extension(struct examination *x, const char *name, struct module_file *ret_file,
			  const struct map_entry **ret_map)
{
	_cleanup_free_ char *path = NULL;
	int r;

	*ret_map = find_extension(x->maps, name);
	if (*ret_map)
		return module_file__open(ret_file, x->t->pid, *ret_map);
	r = look_for_extension(x, name, &path);
	return r ? r : module_file__open_path(ret_file, x->t->pid, path);
}

static int refuse_task(struct examination *x, uint64_t task_bytes)
{
	if (x->t->is_newer) {
		err__set(x->err, -ENOTSUP,
			 "process %d runs CPython %s, newer than this loopstall, and its tasks are not those of 3.%d",
			 x->t->pid, x->t->python, PY_MINOR_MAX);
		return err__hint(x->err, -ENOTSUP, "CPython 3.%d to 3.%d are supported",
				 PY_MINOR_MIN, PY_MINOR_MAX);
	}
	err__set(x->err, -ENOTSUP,
		 "the tasks of the CPython %s in process %d have %llu bytes where %u are expected",
		 x->t->python, x->t->pid,
		 (unsigned long long)task_bytes, x->t->proc.py.task_bytes);
	return err__hint(x->err, -ENOTSUP, "its _asyncio module is not that of an official release");
}

static int add_found(struct examination *x, struct module_file *f, enum file_search search, size_t *ret_n)
{
	const struct known_file *found;
	int r = known_files__search(x->t->known, f, search, &found);

	*ret_n = r ? 0 : found->spots.n;
	return r ? r : add_module(x->t, f, &found->spots);
}

/* Where Python code resumes coroutines, in the interpreter's file and, if need be, in asyncio's. */
static int examine_sends(struct examination *x, struct module_file *asyncio)
{
	const struct known_file *doors;
	size_t n, n_doors;
	int r = add_found(x, &x->core, SEARCH_SENDS, &n);

	x->t->sends = n ? TARGET_SENDS_CALL : TARGET_SENDS_NONE;
	/* From 3.14 on tasks written in Python announce themselves to Python code only. */
	if (r || n || !asyncio || x->t->proc.py.minor > 13)
		return r;
	r = known_files__search(x->t->known, &x->core, SEARCH_SEND_DOORS, &doors);
	/* One half is of no use without the other. */
	n_doors = r ? 0 : doors->spots.n;
	if (!n_doors)
		return r;
	r = add_found(x, asyncio, SEARCH_TASK_NOTES, &n);
	if (r || !n)
		return r;
	x->t->sends = TARGET_SENDS_TASK;
	return add_found(x, &x->core, SEARCH_SEND_DOORS, &n);
}

/* What the asyncio module says of its own layout, from 3.14 on: where lists of tasks begin, and the running loop. */
static int apply_asyncio_layout(struct examination *x, const struct py_entries *entries)
{
	struct ls_pyoffsets *py = &x->t->proc.py;

	if (py->minor < PY_MINOR_ASYNCIO_SECTION ||
	    !py_asyncio_offsets__apply(py, entries->layout, entries->layout_bytes))
		return 0;
	err__set(x->err, -ENOTSUP, "the asyncio module of the CPython %s in process %d %s", x->t->python,
		 x->t->pid,
		 entries->layout_bytes ? "says of its tasks what cannot be" : "does not say where its tasks are");
	return err__hint(x->err, -ENOTSUP, "that of an official release has a section " PY_ASYNCIO_SECTION);
}

/* Step spots of `file`, which is mapped as `map` or not at all. */
static int examine_steps(struct examination *x, struct module_file *file, const struct map_entry *map)
{
	struct target *t = x->t;
	const struct known_file *found;
	const struct py_entries *entries;
	int r = known_files__search(t->known, file, SEARCH_STEPS, &found);

	if (r)
		return r;
	entries = &found->steps.entries;
	/* An interpreter need not have it built in. */
	if (file == &x->core && !entries->step_call)
		return 0;
	if (entries->task_bytes && entries->task_bytes != t->proc.py.task_bytes)
		return refuse_task(x, entries->task_bytes);
	r = entries->step_call ? apply_asyncio_layout(x, entries) : 0;
	if (r)
		return r;
	t->rung = found->steps.rung;
	snprintf(t->rung_note, sizeof(t->rung_note), "%s", found->steps.note);
	t->is_stripped = !elf_image__has_symtab(file->img);
	if (map) {
		t->has_asyncio = true;
		t->asyncio_bias = module_bias(x->maps, map, file->img);
		if (entries->step_call)
			t->proc.step_call = entries->step_call + t->asyncio_bias;
		if (entries->wakeup_call)
			t->proc.wakeup_call = entries->wakeup_call + t->asyncio_bias;
	}
	r = examine_sends(x, file);
	return r ? r : add_module(t, file, &found->spots);
}

static int examine_asyncio(struct examination *x)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };
	const struct map_entry *map;
	int r = open_extension(x, "_asyncio", &file, &map);

	if (!r)
		return examine_steps(x, &file, map);
	note_closed(x, map, r);
	if (x->closed && x->closed == map)
		return refuse_file(x);
	snprintf(x->t->rung_note, sizeof(x->t->rung_note), "its _asyncio module cannot be %s: %s",
		 map ? "read" : "found", strerror(-r));
	return map ? examine_sends(x, NULL) : examine_steps(x, &x->core, x->core_map);
}

/* Adds the poll spots of a file; returns whether it has any. */
static bool add_polls(struct examination *x, struct module_file *file)
{
	const struct known_file *found;

	return !known_files__search(x->t->known, file, SEARCH_POLLS, &found) && found->spots.n &&
		!add_module(x->t, file, &found->spots);
}

static bool add_polls_of(struct examination *x, const struct map_entry *map)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };

	return map && !module_file__open(&file, x->t->pid, map) && add_polls(x, &file);
}

static bool examine_select(struct examination *x)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };
	const struct map_entry *map;

	if (add_polls(x, &x->core))
		return true;
	return !open_extension(x, "select", &file, &map) && add_polls(x, &file);
}

/* The wheel of uvloop holds libuv itself; distributions link the shared one. */
static bool examine_uvloop(struct examination *x, const struct map_entry *uvloop)
{
	bool is_wheel = add_polls_of(x, uvloop);

	return add_polls_of(x, maps__find_name(x->maps, "libuv.so")) || is_wheel;
}

static void examine_poll(struct examination *x)
{
	const struct map_entry *uvloop = maps__find_part(x->maps, "/uvloop/loop.");
	bool has_select = examine_select(x);

	x->t->has_uvloop = uvloop;
	/* One loop without a spot would never be seen to turn: then all are timed the other way. */
	x->t->proc.has_poll_spot = uvloop ? examine_uvloop(x, uvloop) && has_select : has_select;
}

static int examine_libc(struct examination *x)
{
	static const char *const names[] = { "libc.so.6", "libc-2.", "ld-musl-" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		_cleanup_(module_file__done) struct module_file file = { 0 };
		const struct map_entry *map = maps__find_name(x->maps, names[i]);
		const struct known_file *found;

		if (map && !module_file__open(&file, x->t->pid, map) &&
		    !known_files__search(x->t->known, &file, SEARCH_DNS, &found))
			return add_module(x->t, &file, &found->spots);
	}
	return 0;
}

int examine_modules(struct examination *x)
{
	int r = examine_asyncio(x);

	if (r)
		return r;
	examine_poll(x);
	x->t->has_greenlet = maps__find_name(x->maps, "_greenlet.");
	return examine_libc(x);
}
