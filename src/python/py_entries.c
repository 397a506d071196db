/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name string -> pointer to it in a data segment -> the structure that holds the pointer,
 * recognised by its other fields. Sources: cpython Include/methodobject.h,
 * Include/cpython/object.h, Include/typeslots.h.
 */
#include "python/py_entries.h"

#include <string.h>

/* PyMethodDef */
#define DEF_FUNC 8
#define DEF_FLAGS 16
#define METH_O 8
#define METH_FASTCALL_KEYWORDS 0x82
/* PyTypeObject */
#define TYPE_NAME 24
#define TYPE_BASICSIZE 32
#define TYPE_CALL 128
#define TYPE_INIT 296
/* PyType_Spec and PyType_Slot */
#define SPEC_BASICSIZE 8
#define SPEC_SLOTS 24
#define SLOT_BYTES 16
#define SLOT_CALL 50
#define SLOT_INIT 60
#define SLOT_MAX 200
#define MAX_SLOTS 80

#define STEP_WRAPPER_BYTES 32
#define STEP_WRAPPER_BYTES_FREE_THREADED 48
#define WAKEUP_WRAPPER_BYTES 24
#define MAX_STRINGS 8
#define MAX_HOLDERS 1024

struct type_info {
	uint64_t call, init, basic_bytes;
};

typedef void (*holder_fn)(struct elf_image *img, uint64_t holder, void *ctx);

/* The linker merges strings that end alike, so a name need not begin where a string does. */
static size_t find_strings_in(struct elf_image *img, bool in_code, const char *name,
			      uint64_t *vaddrs, size_t max)
{
	const struct elf_segment *segs;
	size_t n_segs = elf_image__segments(img, &segs), len = strlen(name) + 1, n = 0;

	for (size_t i = 0; i < n_segs; i++) {
		size_t size;
		const uint8_t *base = segs[i].is_code == in_code ?
			elf_image__bytes(img, segs[i].vaddr, 1, &size) :
			NULL;
		const uint8_t *p = base;

		while (p && n < max && (p = memmem(p, size - (size_t)(p - base), name, len))) {
			vaddrs[n++] = segs[i].vaddr + (uint64_t)(p - base);
			p++;
		}
	}
	return n;
}

/* Old linkers put constants into the segment of the code. */
static size_t find_strings(struct elf_image *img, const char *name, uint64_t *vaddrs, size_t max)
{
	size_t n = find_strings_in(img, false, name, vaddrs, max);

	return n ? n : find_strings_in(img, true, name, vaddrs, max);
}

/* Calls `fn` with the address of each aligned word of data that points to a string `name`. */
static void each_holder(struct elf_image *img, const char *name, holder_fn fn, void *ctx)
{
	const struct elf_segment *segs;
	size_t n_segs = elf_image__segments(img, &segs);
	uint64_t names[MAX_STRINGS];
	size_t n_names = find_strings(img, name, names, MAX_STRINGS), holders = 0;

	for (size_t i = 0; n_names && i < n_segs; i++) {
		uint64_t skip = -segs[i].vaddr & 7;
		size_t size;
		const uint8_t *base;

		if (segs[i].is_code)
			continue;
		base = elf_image__bytes(img, segs[i].vaddr, 1, &size);
		for (size_t off = skip; base && off + 8 <= size; off += 8) {
			uint64_t word;

			memcpy(&word, base + off, sizeof(word));
			for (size_t k = 0; k < n_names; k++)
				if (word == names[k] && holders++ < MAX_HOLDERS)
					fn(img, segs[i].vaddr + off, ctx);
		}
	}
}

static uint64_t u64_at(struct elf_image *img, uint64_t vaddr)
{
	uint64_t value = 0;

	elf_image__read_u64(img, vaddr, &value);
	return value;
}

static uint64_t code_at(struct elf_image *img, uint64_t vaddr)
{
	uint64_t value = u64_at(img, vaddr);

	return elf_image__is_code(img, value) ? value : 0;
}

static bool is_type_size(uint64_t bytes)
{
	return bytes >= 16 && bytes < 4096;
}

static bool read_spec(struct elf_image *img, uint64_t spec, struct type_info *ret_info)
{
	uint64_t sizes = u64_at(img, spec + SPEC_BASICSIZE);
	uint64_t slots = u64_at(img, spec + SPEC_SLOTS);

	*ret_info = (struct type_info){ .basic_bytes = sizes & 0xffffffff };
	if (!is_type_size(ret_info->basic_bytes) || sizes >> 32 || elf_image__is_code(img, slots) ||
	    !elf_image__bytes(img, slots, SLOT_BYTES, NULL))
		return false;
	for (int i = 0; i < MAX_SLOTS; i++, slots += SLOT_BYTES) {
		uint64_t id = u64_at(img, slots) & 0xffff;

		if (!id)
			return ret_info->call || ret_info->init;
		if (id > SLOT_MAX)
			return false;
		if (id == SLOT_CALL)
			ret_info->call = code_at(img, slots + 8);
		if (id == SLOT_INIT)
			ret_info->init = code_at(img, slots + 8);
	}
	return false;
}

static bool read_type(struct elf_image *img, uint64_t type, struct type_info *ret_info)
{
	*ret_info = (struct type_info){
		.basic_bytes = u64_at(img, type + TYPE_BASICSIZE),
		.call = code_at(img, type + TYPE_CALL),
		.init = code_at(img, type + TYPE_INIT),
	};
	return is_type_size(ret_info->basic_bytes) && (ret_info->call || ret_info->init);
}

static bool read_type_or_spec(struct elf_image *img, uint64_t holder, struct type_info *ret_info)
{
	return read_spec(img, holder, ret_info) || read_type(img, holder - TYPE_NAME, ret_info);
}

/*
 * In 3.8 and 3.9 the wakeup wrapper's type carries the step wrapper's name; its size distinguishes
 * it.
 */
static void on_wrapper(struct elf_image *img, uint64_t holder, void *ctx)
{
	struct py_entries *entries = ctx;
	struct type_info info;

	if (!read_type_or_spec(img, holder, &info) || !info.call)
		return;
	if (info.basic_bytes == STEP_WRAPPER_BYTES ||
	    info.basic_bytes == STEP_WRAPPER_BYTES_FREE_THREADED)
		entries->step_call = info.call;
	else if (info.basic_bytes == WAKEUP_WRAPPER_BYTES && !entries->wakeup_call)
		entries->wakeup_call = info.call;
}

static void on_wakeup_method(struct elf_image *img, uint64_t holder, void *ctx)
{
	struct py_entries *entries = ctx;
	uint64_t func = code_at(img, holder + DEF_FUNC);

	if (func && (u64_at(img, holder + DEF_FLAGS) & 0xffffffff) == METH_O)
		entries->wakeup_call = func;
}

static uint64_t fastcall_at(struct elf_image *img, uint64_t holder)
{
	return (u64_at(img, holder + DEF_FLAGS) & 0xffffffff) == METH_FASTCALL_KEYWORDS ?
		code_at(img, holder + DEF_FUNC) :
		0;
}

static void on_enter_task(struct elf_image *img, uint64_t holder, void *ctx)
{
	struct py_entries *entries = ctx;

	if (fastcall_at(img, holder))
		entries->enter_task = fastcall_at(img, holder);
}

static void on_leave_task(struct elf_image *img, uint64_t holder, void *ctx)
{
	struct py_entries *entries = ctx;

	if (fastcall_at(img, holder))
		entries->leave_task = fastcall_at(img, holder);
}

static void on_task(struct elf_image *img, uint64_t holder, void *ctx)
{
	struct py_entries *entries = ctx;
	struct type_info info;

	if (read_type_or_spec(img, holder, &info) && info.init)
		entries->task_bytes = info.basic_bytes;
}

static void read_layout(struct py_entries *entries, struct elf_image *img)
{
	uint64_t vaddr, bytes;
	const uint8_t *section;

	if (elf_image__section(img, PY_ASYNCIO_SECTION, &vaddr, &bytes) || bytes < PY_ASYNCIO_BYTES)
		return;
	section = elf_image__bytes(img, vaddr, PY_ASYNCIO_BYTES, NULL);
	if (!section)
		return;
	memcpy(entries->layout, section, PY_ASYNCIO_BYTES);
	entries->layout_bytes = PY_ASYNCIO_BYTES;
}

void py_entries__find(struct py_entries *ret_entries, struct elf_image *img)
{
	*ret_entries = (struct py_entries){ 0 };
	each_holder(img, "task_wakeup", on_wakeup_method, ret_entries);
	each_holder(img, "TaskStepMethWrapper", on_wrapper, ret_entries);
	each_holder(img, "_asyncio.TaskStepMethWrapper", on_wrapper, ret_entries);
	each_holder(img, "TaskWakeupMethWrapper", on_wrapper, ret_entries);
	each_holder(img, "_enter_task", on_enter_task, ret_entries);
	each_holder(img, "_leave_task", on_leave_task, ret_entries);
	each_holder(img, "_asyncio.Task", on_task, ret_entries);
	read_layout(ret_entries, img);
}
