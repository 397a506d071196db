/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: cpython Include/internal/pycore_debug_offsets.h of 3.13, 3.14 and 3.15;
 * Modules/_asynciomodule.c (Py_AsyncioModuleDebugOffsets).
 */
#include "python/py_debug_offsets.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "python/py_offsets.h"

#define COOKIE "xdebugpy"
#define HEAD_WORDS 3 /* cookie, version, free_threaded */
#define MINOR_WITH_TABLE 13

enum word_kind { SIZE, FIELD, SKIP };

/* One word of the table, in the order in which they stand there. */
struct word {
	uint8_t since; /* the minor version that has it */
	uint8_t kind; /* enum word_kind */
	uint16_t field; /* where it goes in struct ls_pyoffsets, or NOWHERE */
	/*
	 * SIZE: sensible sizes of what the words up to the next size lie in; FIELD: the last
	 * sensible place
	 */
	uint16_t min, limit;
};

/* In frames, what one read of the kernel side covers; of an interpreter, what an offset can say. */
#define FRAME_LIMIT 104
#define OBJECT_LIMIT 1024
#define STATE_LIMIT 65528
#define TYPE_LIMIT 264
#define ANY_SIZE UINT16_MAX
#define INTERPRETER_BYTES_MAX (16U << 20)
#define NOWHERE UINT16_MAX

#define PLACE(name) offsetof(struct ls_pyoffsets, name)
#define GROUP(since, min, limit)                                                                   \
	{                                                                                          \
		since, SIZE, NOWHERE, min, limit                                                   \
	}
#define GROUP_AT(since, name, min, limit)                                                          \
	{                                                                                          \
		since, SIZE, PLACE(name), min, limit                                               \
	}
#define AT(since, name, limit)                                                                     \
	{                                                                                          \
		since, FIELD, PLACE(name), 0, limit                                                \
	}
#define OTHER(since)                                                                               \
	{                                                                                          \
		since, SKIP, NOWHERE, 0, 0                                                         \
	}

static const struct word words[] = {
	GROUP(13, 1024, ANY_SIZE), /* _PyRuntimeState */
	OTHER(13), /* finalizing */
	AT(13, runtime_interpreters_head, STATE_LIMIT),
	GROUP(13, 1024, ANY_SIZE), /* PyInterpreterState */
	OTHER(13), /* id */
	AT(13, interp_next, STATE_LIMIT),
	AT(13, interp_threads_head, STATE_LIMIT),
	OTHER(14), /* threads.main */
	AT(13, interp_gc, STATE_LIMIT),
	AT(13, interp_modules, STATE_LIMIT),
	OTHER(13), /* sysdict */
	OTHER(13), /* builtins */
	AT(13, interp_ceval_gil, STATE_LIMIT),
	OTHER(13), /* _gil */
	OTHER(13), /* its enabled, locked, last_holder */
	OTHER(13),
	OTHER(13),
	OTHER(14), /* code_object_generation, tlbc_generation */
	OTHER(14),
	/* PyThreadState; 3.13 keeps the running loop right behind it */
	GROUP_AT(13, tstate_running_loop, 200, 4096),
	OTHER(13), /* prev */
	AT(13, tstate_next, OBJECT_LIMIT),
	AT(13, tstate_interp, OBJECT_LIMIT),
	AT(13, tstate_frame, OBJECT_LIMIT),
	OTHER(15), /* base_frame, last_profiled_frame and its number */
	OTHER(15),
	OTHER(15),
	AT(13, tstate_thread_id, OBJECT_LIMIT),
	AT(13, tstate_native_id, OBJECT_LIMIT),
	OTHER(13), /* datastack_chunk */
	OTHER(13), /* status */
	OTHER(15), /* holds_gil, gil_requested, current_exception, exc_state */
	OTHER(15),
	OTHER(15),
	OTHER(15),
	OTHER(15), /* _PyErr_StackItem: exc_value */
	GROUP(13, 72, 128), /* _PyInterpreterFrame */
	AT(13, frame_previous, FRAME_LIMIT),
	AT(13, frame_code, FRAME_LIMIT),
	AT(13, frame_position, FRAME_LIMIT),
	AT(13, frame_locals, FRAME_LIMIT),
	AT(13, frame_owner, FRAME_LIMIT),
	AT(14, frame_stack_top, FRAME_LIMIT),
	OTHER(14), /* tlbc_index */
	GROUP(13, 200, OBJECT_LIMIT), /* PyCodeObject */
	AT(13, co_filename, OBJECT_LIMIT),
	AT(13, co_name, OBJECT_LIMIT),
	AT(13, co_qualname, OBJECT_LIMIT),
	AT(13, co_linetable, OBJECT_LIMIT),
	AT(13, co_firstlineno, OBJECT_LIMIT),
	AT(13, co_argcount, OBJECT_LIMIT),
	OTHER(13), /* localsplusnames, localspluskinds */
	OTHER(13),
	AT(13, co_code, OBJECT_LIMIT),
	OTHER(14), /* co_tlbc, 0 where there is none */
	GROUP_AT(13, ob_head, 16, 32), /* PyObject */
	AT(13, ob_type, 24),
	GROUP(13, 400, 512), /* PyTypeObject */
	AT(13, tp_name, TYPE_LIMIT),
	OTHER(13), /* tp_repr */
	AT(13, tp_flags, TYPE_LIMIT),
	AT(15, tp_basicsize, TYPE_LIMIT),
	AT(15, tp_dictoffset, OBJECT_LIMIT),
	GROUP(15, 900, OBJECT_LIMIT), /* PyHeapTypeObject */
	AT(15, ht_cached_keys, OBJECT_LIMIT),
	GROUP(13, 32, 128), /* PyTupleObject */
	AT(13, tuple_items, 64),
	AT(13, ob_size, 64),
	GROUP(13, 32, 128), /* PyListObject */
	AT(13, list_items, 64),
	OTHER(13), /* ob_size */
	GROUP(14, 128, OBJECT_LIMIT), /* PySetObject: used, table, mask */
	OTHER(14),
	OTHER(14),
	OTHER(14),
	GROUP(13, 40, 128), /* PyDictObject */
	AT(13, dict_keys, 64),
	AT(13, dict_values, 64),
	GROUP(13, 24, 64), /* PyFloatObject */
	AT(13, float_value, 56),
	GROUP(13, 24, 64), /* PyLongObject */
	AT(13, int_tag, 56),
	AT(13, int_digit, 56),
	GROUP(13, 32, 128), /* PyBytesObject */
	OTHER(13), /* ob_size */
	AT(13, bytes_data, 64),
	GROUP(13, 48, 128), /* PyUnicodeObject */
	AT(13, str_state, 64),
	AT(13, str_length, 64),
	AT(13, str_ascii_data, 72), /* sizeof PyASCIIObject */
	AT(15, str_data, 88), /* sizeof PyCompactUnicodeObject */
	GROUP(13, 64, 4096), /* struct _gc_runtime_state */
	AT(13, gc_collecting, 4096),
	OTHER(15), /* frame, and of the statistics of generations size and place */
	OTHER(15),
	OTHER(15),
	GROUP(14, 80, OBJECT_LIMIT), /* PyGenObject */
	OTHER(14), /* gi_name */
	AT(14, gen_iframe, 96),
	AT(14, gen_state, 96),
};

static uint64_t word_at(const uint8_t *table, size_t word)
{
	uint64_t value;

	memcpy(&value, table + 8 * word, sizeof(value));
	return value;
}

bool py_debug_offsets__head(struct py_debug_head *ret_head, const uint8_t *table, size_t size)
{
	if (size < 8 * HEAD_WORDS || memcmp(table, COOKIE, strlen(COOKIE)))
		return false;
	ret_head->hexversion = (uint32_t)word_at(table, 1);
	ret_head->is_free_threaded = word_at(table, 2) != 0;
	return true;
}

static bool is_sane(const struct word *word, uint64_t value, uint64_t bytes)
{
	switch (word->kind) {
	case SIZE:
		return value >= word->min &&
			value <= (word->limit == ANY_SIZE ? INTERPRETER_BYTES_MAX : word->limit);
	case FIELD:
		return value < bytes && value <= word->limit;
	default:
		return true;
	}
}

/* Reads the table as version `order` writes it. */
static int read_in_order(struct ls_pyoffsets *py, uint8_t order, const uint8_t *table, size_t size)
{
	size_t at = HEAD_WORDS;
	uint64_t bytes = 0; /* of what the words lie in */

	for (size_t i = 0; i < N_OF(words); i++) {
		const struct word *word = &words[i];
		uint64_t value;

		if (word->since > order)
			continue;
		if (8 * (at + 1) > size)
			return -EINVAL;
		value = word_at(table, at++);
		if (!is_sane(word, value, bytes))
			return -EINVAL;
		if (word->kind == SIZE)
			bytes = value;
		if (word->field != NOWHERE)
			memcpy((uint8_t *)py + word->field, &(uint16_t){ (uint16_t)value },
			       sizeof(uint16_t));
	}
	return 0;
}

static uint16_t max_u16(uint16_t a, uint16_t b)
{
	return a > b ? a : b;
}

#define GEN_BYTES_MAX 96

/*
 * Sets the number of bytes to read of a frame, and the place of the code object in the frame of a
 * generator.
 */
static int derive(struct ls_pyoffsets *py)
{
	uint16_t last = max_u16(py->frame_previous, max_u16(py->frame_code, py->frame_position));

	py->frame_bytes = max_u16(last + 8, (uint16_t)((py->frame_owner & ~7) + 8));
	py->gen_code = py->gen_iframe + py->frame_code;
	py->gen_bytes = max_u16(py->gen_code, py->gen_qualname) + 8;
	return py->gen_bytes > GEN_BYTES_MAX ? -EINVAL : 0;
}

int py_debug_offsets__apply(struct ls_pyoffsets *py, uint8_t minor, const uint8_t *table,
			    size_t size)
{
	uint8_t newest = minor > PY_MINOR_MAX ? PY_MINOR_MAX : minor;
	uint8_t oldest = minor > PY_MINOR_MAX ? MINOR_WITH_TABLE : minor;

	for (uint8_t order = newest; order >= oldest; order--) {
		struct ls_pyoffsets next = *py;

		if (read_in_order(&next, order, table, size) || derive(&next))
			continue;
		if (order >= PY_MINOR_ASYNCIO_SECTION)
			next.tstate_running_loop = py->tstate_running_loop;
		*py = next;
		return 0;
	}
	return -EINVAL;
}

/* Words of the asyncio module's section. */
enum {
	TASK_BYTES,
	TASK_NAME,
	TASK_AWAITED_BY,
	TASK_IS_TASK,
	TASK_AWAITED_BY_IS_SET,
	TASK_CORO,
	TASK_NODE,
	INTERP_BYTES,
	INTERP_TASKS,
	THREAD_BYTES,
	THREAD_RUNNING_LOOP,
	THREAD_RUNNING_TASK,
	THREAD_TASKS,
	ASYNCIO_WORDS
};
_Static_assert(8 * ASYNCIO_WORDS == PY_ASYNCIO_BYTES, "length of the section that is read");

static bool is_inside(const uint8_t *section, size_t word, size_t size_word)
{
	uint64_t offset = word_at(section, word);

	return offset <= STATE_LIMIT && offset + 8 <= word_at(section, size_word);
}

int py_asyncio_offsets__apply(struct ls_pyoffsets *py, const uint8_t *section, size_t size)
{
	if (size < 8 * ASYNCIO_WORDS || word_at(section, TASK_BYTES) != py->task_bytes ||
	    word_at(section, TASK_NAME) != py->task_name ||
	    word_at(section, TASK_CORO) != py->task_coro ||
	    !is_inside(section, TASK_NODE, TASK_BYTES) ||
	    !is_inside(section, INTERP_TASKS, INTERP_BYTES) ||
	    !is_inside(section, THREAD_RUNNING_LOOP, THREAD_BYTES) ||
	    !is_inside(section, THREAD_RUNNING_TASK, THREAD_BYTES) ||
	    !is_inside(section, THREAD_TASKS, THREAD_BYTES))
		return -EINVAL;
	py->task_node = (uint16_t)word_at(section, TASK_NODE);
	py->interp_tasks = (uint16_t)word_at(section, INTERP_TASKS);
	py->tstate_running_loop = (uint16_t)word_at(section, THREAD_RUNNING_LOOP);
	py->tstate_running_task = (uint16_t)word_at(section, THREAD_RUNNING_TASK);
	py->tstate_tasks = (uint16_t)word_at(section, THREAD_TASKS);
	return 0;
}
