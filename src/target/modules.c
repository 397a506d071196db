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
#include "target/py_debug_offsets.h"
#include "target/py_offsets.h"
#include "target/py_sends.h"
#include "target/spots.h"

/* Takes over the file's names and the spots; merges with what is known of the same file. */
static int add_module(struct target *t, struct module_file *f, struct spots *s)
{
	struct target_module *modules;

	if (!s->n)
		return 0;
	for (size_t i = 0; i < t->n_modules; i++) {
		struct target_module *m = &t->modules[i];
		struct target_spot *spots;

		if (m->dev != f->dev || m->ino != f->ino)
			continue;
		spots = realloc(m->spots, (m->n_spots + s->n) * sizeof(*spots));
		if (!spots)
			return -ENOMEM;
		memcpy(spots + m->n_spots, s->at, s->n * sizeof(*spots));
		m->spots = spots;
		m->n_spots += s->n;
		return 0;
	}
	modules = realloc(t->modules, (t->n_modules + 1) * sizeof(*modules));
	if (!modules)
		return -ENOMEM;
	t->modules = modules;
	modules[t->n_modules++] = (struct target_module){
		.path = TAKE_PTR(f->path),
		.host_path = TAKE_PTR(f->host_path),
		.dev = f->dev,
		.ino = f->ino,
		.n_spots = s->n,
		.spots = TAKE_PTR(s->at),
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
			 "process %d runs CPython 3.%u, newer than this loopstall, and its tasks are not those of 3.%d",
			 x->t->pid, x->t->version[1], PY_MINOR_MAX);
		return err__hint(x->err, -ENOTSUP, "CPython 3.%d to 3.%d are supported",
				 PY_MINOR_MIN, PY_MINOR_MAX);
	}
	err__set(x->err, -ENOTSUP,
		 "the tasks of the CPython %u.%u.%u in process %d have %llu bytes where %u are expected",
		 x->t->version[0], x->t->version[1], x->t->version[2], x->t->pid,
		 (unsigned long long)task_bytes, x->t->proc.py.task_bytes);
	return err__hint(x->err, -ENOTSUP, "its _asyncio module is not that of an official release");
}

/* Where Python code resumes coroutines, in the interpreter's file and, if need be, in asyncio's. */
static int examine_sends(struct examination *x, struct module_file *asyncio, const struct py_entries *entries)
{
	_cleanup_(module_file__done) struct module_file core = { 0 };
	_cleanup_(spots__done) struct spots spots = { 0 }, asyncio_spots = { 0 };
	int r = spots__add_sends(&spots, x->core);

	x->t->sends = spots.n ? TARGET_SENDS_CALL : TARGET_SENDS_NONE;
	if (!r && !spots.n && asyncio) {
		r = spots__add_send_entries(&spots, x->core, &asyncio_spots, asyncio->img, entries);
		x->t->sends = spots.n ? TARGET_SENDS_TASK : TARGET_SENDS_NONE;
	}
	if (r || !spots.n)
		return r;
	r = module_file__open(&core, x->t->pid, x->core_map);
	if (!r)
		r = add_module(x->t, &core, &spots);
	return r || !asyncio_spots.n ? r : add_module(x->t, asyncio, &asyncio_spots);
}

/* What the asyncio module says of its own layout, from 3.14 on: where lists of tasks begin, and the running loop. */
static int read_asyncio_layout(struct examination *x, struct elf_image *img)
{
	struct ls_pyoffsets *py = &x->t->proc.py;
	const uint8_t *section;
	uint64_t vaddr, bytes;

	if (py->minor < PY_MINOR_ASYNCIO_SECTION)
		return 0;
	section = elf_image__section(img, PY_ASYNCIO_SECTION, &vaddr, &bytes) ?
			  NULL :
			  elf_image__bytes(img, vaddr, bytes, NULL);
	if (section && !py_asyncio_offsets__apply(py, section, bytes))
		return 0;
	err__set(x->err, -ENOTSUP, "the asyncio module of the CPython %u.%u.%u in process %d %s",
		 x->t->version[0], x->t->version[1], x->t->version[2], x->t->pid,
		 section ? "says of its tasks what cannot be" : "does not say where its tasks are");
	return err__hint(x->err, -ENOTSUP, "that of an official release has a section " PY_ASYNCIO_SECTION);
}

/* Step spots of `file`, which is mapped as `map` or not at all. */
static int examine_steps(struct examination *x, struct module_file *file, const struct map_entry *map)
{
	_cleanup_(spots__done) struct spots spots = { 0 };
	struct step_search search;
	struct target *t = x->t;
	int r = spots__add_steps(&spots, file->img, &search);

	if (r)
		return r;
	if (search.entries.task_bytes && search.entries.task_bytes != t->proc.py.task_bytes)
		return refuse_task(x, search.entries.task_bytes);
	if (search.entries.step_call)
		r = read_asyncio_layout(x, file->img);
	if (r)
		return r;
	t->rung = search.rung;
	snprintf(t->rung_note, sizeof(t->rung_note), "%s", search.note);
	t->is_stripped = !elf_image__has_symtab(file->img);
	if (map) {
		t->has_asyncio = true;
		t->asyncio_bias = module_bias(x->maps, map, file->img);
		if (search.entries.step_call)
			t->proc.step_call = search.entries.step_call + t->asyncio_bias;
		if (search.entries.wakeup_call)
			t->proc.wakeup_call = search.entries.wakeup_call + t->asyncio_bias;
	}
	r = examine_sends(x, file, &search.entries);
	return r ? r : add_module(t, file, &spots);
}

static void core_as_file(struct examination *x, struct module_file *ret_file)
{
	if (module_file__open(ret_file, x->t->pid, x->core_map))
		*ret_file = (struct module_file){ 0 };
}

static int examine_asyncio(struct examination *x)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };
	const struct map_entry *map;
	struct py_entries entries;
	int r = open_extension(x, "_asyncio", &file, &map);

	if (!r)
		return examine_steps(x, &file, map);
	snprintf(x->t->rung_note, sizeof(x->t->rung_note), "its _asyncio module cannot be %s: %s",
		 map ? "read" : "found", strerror(-r));
	if (map)
		return examine_sends(x, NULL, NULL);
	py_entries__find(&entries, x->core);
	if (!entries.step_call)
		return examine_sends(x, NULL, NULL);
	core_as_file(x, &file);
	return file.img ? examine_steps(x, &file, x->core_map) : 0;
}

/* Adds the poll spots of a file; returns whether it has any. */
static bool add_polls(struct examination *x, struct module_file *file)
{
	_cleanup_(spots__done) struct spots spots = { 0 };

	return !spots__add_polls(&spots, file->img) && spots.n && !add_module(x->t, file, &spots);
}

static bool add_polls_of(struct examination *x, const struct map_entry *map)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };

	return map && !module_file__open(&file, x->t->pid, map) && add_polls(x, &file);
}

static bool examine_select(struct examination *x)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };
	struct arch_callee poll = { .n_entries = 0 };
	const struct map_entry *map;

	elf_image__add_import(x->core, "epoll_wait", &poll);
	if (poll.n_slots)
		return add_polls_of(x, x->core_map);
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
		_cleanup_(spots__done) struct spots spots = { 0 };
		const struct map_entry *map = maps__find_name(x->maps, names[i]);

		if (map && !module_file__open(&file, x->t->pid, map) &&
		    !spots__add_dns(&spots, file.img))
			return add_module(x->t, &file, &spots);
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
