/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds CPython in a process: the ELF file that holds it, its version and layout, and the addresses
 * of the runtime, the main interpreter and the GIL. How each is found: docs/internals.md.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "process/examine.h"
#include "process/known_files.h"
#include "python/py_check.h"
#include "python/py_debug_offsets.h"
#include "python/py_memory.h"
#include "python/py_offsets.h"
#include "python/python.h"

#define MAX_INTERPRETERS 256

static bool parse_dotted(const char *p, unsigned int *ret_major, unsigned int *ret_minor)
{
	return isdigit((unsigned char)*p) && sscanf(p, "%1u.%2u", ret_major, ret_minor) == 2;
}

bool py_version_from_path(const char *path, unsigned int *ret_major, unsigned int *ret_minor)
{
	static const char dotted[] = "python", packed[] = ".cpython-";
	const char *p = path;

	while ((p = strstr(p, dotted))) {
		p += strlen(dotted);
		if (parse_dotted(p, ret_major, ret_minor))
			return true;
	}
	p = strstr(path, packed);
	return p && sscanf(p + strlen(packed), "%1u%2u", ret_major, ret_minor) == 2;
}

static bool holds_runtime(struct elf_image *img)
{
	struct elf_symbol symbol;
	uint64_t vaddr, bytes;

	return !elf_image__exported(img, "_PyRuntime", &symbol) ||
		!elf_image__section(img, ".PyRuntime", &vaddr, &bytes);
}

/* Takes `map` as the interpreter's file if it is. */
static bool try_core(struct examination *x, const struct map_entry *map)
{
	struct module_file file;

	int r = map ? module_file__open(&file, x->t->pid, map) : -ENOENT;

	if (r) {
		note_closed(x, map, r);
		return false;
	}
	if (!holds_runtime(file.img)) {
		module_file__done(&file);
		return false;
	}
	x->core = file;
	x->core_map = map;
	return true;
}

static bool try_cores_named(struct examination *x, const char *prefix)
{
	const struct map_entry *last = NULL;

	for (size_t i = 0; !x->core.img && i < x->maps->n; i++) {
		const struct map_entry *map = &x->maps->entries[i];

		if (strncmp(map->name, prefix, strlen(prefix)) ||
		    (last && !strcmp(map->path, last->path)))
			continue;
		last = map;
		try_core(x, map);
	}
	return x->core.img;
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int refuse_version(struct examination *x, unsigned int major, unsigned int minor)
{
	bool is_old = major < 3 || (major == 3 && minor < PY_MINOR_MIN);

	err__set(x->err, -ENOTSUP, "process %d runs CPython %u.%u, which is too %s", x->t->pid,
		 major, minor, is_old ? "old" : "new");
	return err__hint(x->err, -ENOTSUP, "CPython 3.%d to 3.%d are supported", PY_MINOR_MIN,
			 PY_MINOR_MAX);
}

static int refuse_program(struct examination *x)
{
	const char *name = last_component(x->t->exe);
	const struct map_entry *lib = maps__find_name(x->maps, "libpython");
	unsigned int major, minor;
	char exe[160];

	exe_text(x, exe, sizeof(exe));
	if (!strncmp(name, "pypy", 4) || maps__find_name(x->maps, "libpypy"))
		return err__set(x->err, -ENOEXEC,
				"process %d runs %s, a PyPy: only CPython can be examined",
				x->t->pid, exe);
	if ((lib && py_version_from_path(lib->path, &major, &minor)) ||
	    (!strncmp(name, "python", 6) && py_version_from_path(name, &major, &minor))) {
		if (major != 3 || minor < PY_MINOR_MIN)
			return refuse_version(x, major, minor);
	} else if (!lib && strncmp(name, "python", 6)) {
		return -ENOENT;
	}
	if (x->closed)
		return refuse_file(x);
	err__set(x->err, -ENOEXEC, "process %d runs %s, whose interpreter cannot be found",
		 x->t->pid, exe);
	return err__hint(x->err, -ENOEXEC,
			 "its file has neither the symbol _PyRuntime nor a section of that name");
}

static int find_core(struct examination *x)
{
	const struct map_entry *exe = maps__find_path(x->maps, x->t->exe);
	struct py_target *py = py_target(x->t);

	if (!try_cores_named(x, "libpython") && !try_core(x, exe) && !try_cores_named(x, "python"))
		return refuse_program(x);
	py->core_path = strdup(x->core.path);
	if (!py->core_path)
		return -ENOMEM;
	py->is_static = exe && !strcmp(x->core_map->path, exe->path);
	py->core_bias = module_bias(x->maps, x->core_map, x->core.img);
	return 0;
}

static uint64_t exported_address(struct examination *x, const char *name)
{
	struct elf_symbol symbol;

	return elf_image__exported(x->core.img, name, &symbol) ?
		0 :
		symbol.vaddr + py_target(x->t)->core_bias;
}

static int find_runtime(struct examination *x)
{
	struct py_target *py = py_target(x->t);
	uint64_t vaddr, bytes;

	py->runtime = exported_address(x, "_PyRuntime");
	if (!py->runtime && !elf_image__section(x->core.img, ".PyRuntime", &vaddr, &bytes))
		py->runtime = vaddr + py->core_bias;
	return py->runtime ? 0 : refuse_program(x);
}

static void set_version(struct target *t, uint32_t hexversion)
{
	struct py_target *py = py_target(t);

	py->version[0] = (uint8_t)(hexversion >> 24);
	py->version[1] = (uint8_t)(hexversion >> 16);
	py->version[2] = (uint8_t)(hexversion >> 8);
	snprintf(t->version, sizeof(t->version), "%u.%u.%u%s", py->version[0], py->version[1],
		 py->version[2], py->is_free_threaded ? "t" : "");
}

/* Before 3.8 to 3.10 are initialized, their version is not in memory, only in file names. */
static bool version_from_names(struct examination *x)
{
	unsigned int major, minor;
	bool found =
		py_version_from_path(last_component(py_target(x->t)->core_path), &major, &minor);

	for (size_t i = 0; !found && i < x->maps->n; i++)
		if (strstr(x->maps->entries[i].path, "/lib-dynload/"))
			found = py_version_from_path(x->maps->entries[i].name, &major, &minor);
	if (!found)
		found = py_version_from_path(py_target(x->t)->core_path, &major, &minor);
	if (!found)
		return false;
	set_version(x->t, major << 24 | minor << 16);
	/* Names say nothing of the micro version. */
	snprintf(x->t->version, sizeof(x->t->version), "%u.%u", major, minor);
	return true;
}

struct version_fact {
	uint32_t hexversion; /* 0: the file does not say */
};

static int run_version(struct spots *spots, struct elf_image *img, void *facts)
{
	struct version_fact *fact = facts;
	struct elf_symbol symbol;
	uint64_t value;

	(void)spots;
	if (elf_image__exported(img, "Py_Version", &symbol))
		return 0;
	if (!elf_image__read_u64(img, symbol.vaddr, &value))
		return -ENODATA;
	fact->hexversion = (uint32_t)value;
	return 0;
}

/* Reads all constants of the file, some megabytes. */
static const struct file_search search_version = { run_version, sizeof(struct version_fact) };

static bool exported_version(struct examination *x, uint32_t *ret_hexversion)
{
	const struct known_file *found;
	const struct version_fact *fact;

	if (known_files__search(x->t->known, &x->core, &search_version, &found))
		return false;
	fact = (const struct version_fact *)found->facts;
	if (fact->hexversion)
		*ret_hexversion = fact->hexversion;
	return fact->hexversion != 0;
}

/* The table that the runtime begins with, as much of it as the kernel lets us read. */
static bool read_table(struct target *t, uint8_t *table, size_t size,
		       struct py_debug_head *ret_head)
{
	return !target__read(t, py_target(t)->runtime, table, size) &&
		py_debug_offsets__head(ret_head, table, size);
}

/*
 * A version newer than all known ones is read with the newest known layout, corrected by what its
 * own table of offsets says.
 */
static int find_layout(struct examination *x, bool has_table)
{
	struct target *t = x->t;
	uint8_t minor = py_target(t)->version[1];
	int r;

	t->is_newer = py_target(t)->version[0] == 3 && minor > PY_MINOR_MAX && has_table;
	if (t->is_newer)
		minor = PY_MINOR_MAX;
	r = py_target(t)->version[0] != 3 ?
		-ENOTSUP :
		py_offsets__init(&t->proc.py.at, minor, py_target(t)->is_free_threaded);
	/* No table says how instructions are numbered. */
	if (t->is_newer)
		memset(t->proc.py.at.drops, 0, sizeof(t->proc.py.at.drops));
	return r;
}

static int find_version(struct examination *x)
{
	struct target *t = x->t;
	uint8_t table[PY_DEBUG_OFFSETS_BYTES];
	struct py_debug_head head = { 0 };
	bool has_table = read_table(t, table, sizeof(table), &head);

	py_target(t)->is_free_threaded = head.is_free_threaded;
	if (has_table || exported_version(x, &head.hexversion))
		set_version(t, head.hexversion);
	else if (!version_from_names(x))
		return err__set(x->err, -ENOTSUP,
				"the version of the CPython in process %d is not known", t->pid);
	if (find_layout(x, has_table))
		return refuse_version(x, py_target(t)->version[0], py_target(t)->version[1]);
	if (has_table &&
	    py_debug_offsets__apply(&t->proc.py.at, py_target(t)->version[1], table, sizeof(table)))
		return err__set(x->err, -ENOTSUP,
				"process %d runs a CPython 3.%u whose table of offsets makes no "
				"sense",
				t->pid, py_target(t)->version[1]);
	t->proc.py.at.micro = py_target(t)->version[2];
	return 0;
}

/*
 * New interpreters are put in front: the main one is the last of the list. Finds none while there
 * is none. 0 or -ENOMEM.
 */
static int find_main_interpreter(struct target *t)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t interp, next;
	int r = py_read_u64(t, py_target(t)->runtime + py->runtime_interpreters_head, &interp);

	for (int i = 0; !r && interp && i < MAX_INTERPRETERS; i++) {
		r = py_read_u64(t, interp + py->interp_next, &next);
		if (!r && !next) {
			py_target(t)->interp = interp;
			return 0;
		}
		interp = next;
	}
	return r == -ENOMEM ? r : 0;
}

static void find_gil(struct target *t)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t gil = 0;

	if (py->runtime_gil != LS_PY_NONE)
		gil = py_target(t)->runtime + py->runtime_gil;
	else if (py_target(t)->interp &&
		 py_read_u64(t, py_target(t)->interp + py->interp_ceval_gil, &gil))
		gil = 0;
	t->proc.py.gil = gil;
}

/* Reads the version from the running interpreter: certain, and with the micro version. */
static int confirm_version(struct examination *x)
{
	struct target *t = x->t;
	uint64_t object, hexversion;

	if (py_target(t)->version[1] >= 11 ||
	    py_module_attribute(t, "sys", "hexversion", &object) ||
	    py_int_value(t, object, &hexversion))
		return 0;
	if (hexversion >> 16 !=
	    (uint64_t)(py_target(t)->version[0] << 8 | py_target(t)->version[1]))
		return err__set(x->err, -ENOTSUP,
				"the files of process %d speak of CPython %u.%u, its memory of "
				"%u.%u",
				t->pid, py_target(t)->version[0], py_target(t)->version[1],
				(unsigned int)(hexversion >> 24) & 0xff,
				(unsigned int)(hexversion >> 16) & 0xff);
	set_version(t, (uint32_t)hexversion);
	t->proc.py.at.micro = py_target(t)->version[2];
	return 0;
}

/* For newer versions and rare builds, the layout is checked against the running interpreter. */
static int confirm_layout(struct examination *x)
{
	const struct target *t = x->t;
	const struct py_check_types types = {
		.type = exported_address(x, "PyType_Type"),
		.boolean = exported_address(x, "PyBool_Type"),
		.number = exported_address(x, "PyLong_Type"),
		.code = exported_address(x, "PyCode_Type"),
	};
	const char *what = (t->is_newer || py_target(t)->is_free_threaded) && py_target(t)->interp ?
		py_check__layout(t, &types) :
		NULL;

	if (!what)
		return 0;
	err__set(x->err, -ENOTSUP,
		 "process %d runs CPython %s, %s, and keeps its %s elsewhere than 3.%u", t->pid,
		 t->version, t->is_newer ? "newer than this loopstall" : "built without the GIL",
		 what, t->proc.py.at.minor);
	return err__hint(x->err, -ENOTSUP, "CPython 3.%d to 3.%d are supported", PY_MINOR_MIN,
			 PY_MINOR_MAX);
}

int py_examine_interpreter(struct examination *x)
{
	int r = find_core(x);

	if (!r)
		r = find_runtime(x);
	if (!r)
		r = find_version(x);
	if (!r)
		r = find_main_interpreter(x->t);
	if (r)
		return r;
	find_gil(x->t);
	py_find_collector(x->t);
	if (py_target(x->t)->interp)
		x->t->proc.py.threads =
			py_target(x->t)->interp + x->t->proc.py.at.interp_threads_head;
	x->t->proc.py.is_free_threaded = py_target(x->t)->is_free_threaded;
	x->t->proc.py.coro_type = exported_address(x, "PyCoro_Type");
	x->t->proc.py.gen_type = exported_address(x, "PyGen_Type");
	x->t->proc.py.async_gen_type = exported_address(x, "PyAsyncGen_Type");
	x->t->proc.py.asend_type = exported_address(x, "_PyAsyncGenASend_Type");
	x->t->proc.py.weakref_type = exported_address(x, "_PyWeakref_RefType");
	x->t->proc.py.none = exported_address(x, "_Py_NoneStruct");
	r = confirm_version(x);
	return r ? r : confirm_layout(x);
}
