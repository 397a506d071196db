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

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "process/examine.h"
#include "process/known_files.h"
#include "process/target_file.h"
#include "python/py_debug_offsets.h"
#include "python/py_offsets.h"
#include "python/py_sends.h"
#include "python/python.h"
#include "python/step_spots.h"

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
	_cleanup_(dir_close) DIR *d = NULL;
	struct dirent *e;
	char prefix[64];

	if (target_open_dir(&d, x->t->pid, dir))
		return -ENOENT;
	snprintf(prefix, sizeof(prefix), "%s.cpython-3%u%s-", name, py_target(x->t)->version[1],
		 py_target(x->t)->is_free_threaded ? "t" : "");
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
	for (size_t i = 0; i < N_OF(places); i++) {
		_cleanup_free_ char *base =
			ancestor_of(py_target(x->t)->core_path, places[i].levels);
		_cleanup_free_ char *dir = NULL;
		int r;

		if (!base ||
		    asprintf(&dir, "%s%s/python3.%u%s/lib-dynload", base, places[i].below,
			     py_target(x->t)->version[1],
			     py_target(x->t)->is_free_threaded ? "t" : "") < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		r = look_in(x, dir, name, ret_path);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/*
 * Opens an extension module, mapped or not. -ENOENT if it is nowhere: built in, or not installed.
 */
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
			 "process %d runs CPython %s, newer than this loopstall, and its tasks are "
			 "not those of 3.%d",
			 x->t->pid, x->t->version, PY_MINOR_MAX);
		return err__hint(x->err, -ENOTSUP, "CPython 3.%d to 3.%d are supported",
				 PY_MINOR_MIN, PY_MINOR_MAX);
	}
	err__set(x->err, -ENOTSUP,
		 "the tasks of the CPython %s in process %d have %llu bytes where %u are expected",
		 x->t->version, x->t->pid, (unsigned long long)task_bytes,
		 x->t->proc.py.at.task_bytes);
	return err__hint(x->err, -ENOTSUP,
			 "its _asyncio module is not that of an official release");
}

static int run_steps(struct spots *spots, struct elf_image *img, void *facts)
{
	return spots__add_steps(spots, img, facts);
}

static int run_sends(struct spots *spots, struct elf_image *img, void *facts)
{
	(void)facts;
	return spots__add_sends(spots, img);
}

static int run_send_doors(struct spots *spots, struct elf_image *img, void *facts)
{
	(void)facts;
	return spots__add_send_doors(spots, img);
}

static int run_task_notes(struct spots *spots, struct elf_image *img, void *facts)
{
	(void)facts;
	return spots__add_task_notes(spots, img);
}

const struct file_search search_steps = { run_steps, sizeof(struct step_search) };
static const struct file_search search_sends = { run_sends, 0 };
static const struct file_search search_send_doors = { run_send_doors, 0 };
static const struct file_search search_task_notes = { run_task_notes, 0 };

/* Where Python code resumes coroutines, in the interpreter's file and, if need be, in asyncio's. */
static int examine_sends(struct examination *x, struct module_file *asyncio)
{
	const struct known_file *doors;
	size_t n, n_doors;
	int r;

	if (x->is_without_spots)
		return 0;
	r = examine_add_found(x, &x->core, &search_sends, &n);
	py_target(x->t)->sends = n ? PY_SENDS_CALL : PY_SENDS_NONE;
	/* From 3.14 on tasks written in Python announce themselves to Python code only. */
	if (r || n || !asyncio || x->t->proc.py.at.minor > 13)
		return r;
	r = known_files__search(x->t->known, &x->core, &search_send_doors, &doors);
	/* One half is of no use without the other. */
	n_doors = r ? 0 : doors->spots.n;
	if (!n_doors)
		return r;
	r = examine_add_found(x, asyncio, &search_task_notes, &n);
	if (r || !n)
		return r;
	py_target(x->t)->sends = PY_SENDS_TASK;
	return examine_add_found(x, &x->core, &search_send_doors, &n);
}

/*
 * Reads the table of offsets of the asyncio module (3.14 and later): heads of the task lists, the
 * running loop.
 */
static int apply_asyncio_layout(struct examination *x, const struct py_entries *entries)
{
	struct ls_pyoffsets *py = &x->t->proc.py.at;

	if (py->minor < PY_MINOR_ASYNCIO_SECTION ||
	    !py_asyncio_offsets__apply(py, entries->layout, entries->layout_bytes))
		return 0;
	err__set(x->err, -ENOTSUP, "the asyncio module of the CPython %s in process %d %s",
		 x->t->version, x->t->pid,
		 entries->layout_bytes ? "says of its tasks what cannot be" :
					 "does not say where its tasks are");
	return err__hint(x->err, -ENOTSUP,
			 "that of an official release has a section " PY_ASYNCIO_SECTION);
}

/* Step spots of `file`, which is mapped as `map` or not at all. */
static int examine_steps(struct examination *x, struct module_file *file,
			 const struct map_entry *map)
{
	struct target *t = x->t;
	const struct known_file *found;
	const struct step_search *steps;
	const struct py_entries *entries;
	int r = known_files__search(t->known, file, &search_steps, &found);

	if (r)
		return r;
	steps = (const struct step_search *)found->facts;
	entries = &steps->entries;
	/* An interpreter need not have it built in. */
	if (file == &x->core && !entries->step_call)
		return 0;
	if (entries->task_bytes && entries->task_bytes != t->proc.py.at.task_bytes)
		return refuse_task(x, entries->task_bytes);
	r = entries->step_call ? apply_asyncio_layout(x, entries) : 0;
	if (r)
		return r;
	t->rung = steps->rung;
	snprintf(t->rung_note, sizeof(t->rung_note), "%s", steps->note);
	t->is_stripped = !elf_image__has_symtab(file->img);
	if (map) {
		t->has_loops = true;
		py_target(t)->asyncio_bias = module_bias(x->maps, map, file->img);
		if (entries->step_call)
			t->proc.py.step_call = entries->step_call + py_target(t)->asyncio_bias;
		if (entries->wakeup_call)
			t->proc.py.wakeup_call = entries->wakeup_call + py_target(t)->asyncio_bias;
	}
	r = examine_sends(x, file);
	return r ? r : examine_add_spots(x, file, &found->spots);
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
		 map ? "read" : "found", target_open_reason(r));
	return map ? examine_sends(x, NULL) : examine_steps(x, &x->core, x->core_map);
}

/* `add`: for one of the kinds of polls. */
static bool add_polls_of(struct examination *x, const struct map_entry *map,
			 bool (*add)(struct examination *x, struct module_file *f))
{
	_cleanup_(module_file__done) struct module_file file = { 0 };

	return map && !module_file__open(&file, x->t->pid, map) && add(x, &file);
}

/*
 * Libraries that poll for the loops of gevent and pyzmq. The epoll of libzmq is that of its own
 * threads, which run no Python.
 */
static void examine_libraries(struct examination *x)
{
	add_polls_of(x, maps__find_name(x->maps, "libev.so"), examine_add_polls);
	add_polls_of(x, maps__find_part(x->maps, "/gevent/libev/corecext."), examine_add_polls);
	add_polls_of(x, maps__find_name(x->maps, "libzmq.so"), examine_add_plain_polls);
}

/* The module that polls for Python's own loops: the interpreter may have it built in. */
static bool examine_select(struct examination *x)
{
	_cleanup_(module_file__done) struct module_file file = { 0 };
	const struct map_entry *map;

	if (examine_add_polls(x, &x->core)) {
		examine_add_plain_polls(x, &x->core);
		return true;
	}
	if (open_extension(x, "select", &file, &map))
		return false;
	examine_add_plain_polls(x, &file);
	return examine_add_polls(x, &file);
}

/* The wheel of uvloop holds libuv itself; distributions link the shared one. */
static bool examine_uvloop(struct examination *x, const struct map_entry *uvloop)
{
	bool is_wheel = add_polls_of(x, uvloop, examine_add_polls);

	return add_polls_of(x, maps__find_name(x->maps, "libuv.so"), examine_add_polls) || is_wheel;
}

static void examine_poll(struct examination *x, const struct map_entry *uvloop)
{
	bool has_select = examine_select(x);

	examine_libraries(x);
	/*
	 * A loop without a spot would never report a turn, so if one has none, turns of all loops
	 * are timed by the sleep in their poll.
	 */
	x->t->proc.has_poll_spot = uvloop ? examine_uvloop(x, uvloop) && has_select : has_select;
}

int py_examine_modules(struct examination *x)
{
	const struct map_entry *uvloop = maps__find_part(x->maps, "/uvloop/loop.");
	int r = examine_asyncio(x);

	if (r)
		return r;
	if (uvloop)
		x->t->parts |= PY_PART_UVLOOP;
	if (maps__find_name(x->maps, "_greenlet."))
		x->t->parts |= PY_PART_GREENLET;
	examine_poll(x, uvloop);
	return x->is_without_spots ? 0 : examine_libc(x);
}
