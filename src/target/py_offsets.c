/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row for each field, one column for each version. Sources: cpython Include/ and
 * Include/internal/ of each version (object.h, pycore_runtime.h, pycore_interp.h, pystate.h,
 * pycore_frame.h, genobject.h, code.h, unicodeobject.h, dictobject.h, pycore_dict.h),
 * Modules/_asynciomodule.c, Modules/_collectionsmodule.c, Lib/asyncio/events.py; 3.13's own table:
 * pycore_debug_offsets.h.
 */
#include "target/py_offsets.h"

#include <errno.h>
#include <string.h>

#include "target/arch.h"

#define NO LS_PY_NONE

/* _(field, 3.8, 3.9, 3.10, 3.11, 3.12, 3.13) */
#define PY_OFFSETS(_)                                                                              \
	_(ob_type, 8, 8, 8, 8, 8, 8)                                                               \
	_(tp_name, 24, 24, 24, 24, 24, 24)                                                         \
	_(tp_basicsize, 32, 32, 32, 32, 32, 32)                                                    \
	_(tp_call, 128, 128, 128, 128, 128, 128)                                                   \
	_(tp_flags, 168, 168, 168, 168, 168, 168)                                                  \
	_(tp_dictoffset, 288, 288, 288, 288, 288, 288)                                             \
	_(ht_cached_keys, 872, 864, 872, 872, 880, 880)                                            \
	_(ob_size, 16, 16, 16, 16, 16, 16)                                                         \
	_(list_items, 24, 24, 24, 24, 24, 24)                                                      \
	_(tuple_items, 24, 24, 24, 24, 24, 24)                                                     \
	_(bytes_data, 32, 32, 32, 32, 32, 32)                                                      \
	_(str_length, 16, 16, 16, 16, 16, 16)                                                      \
	_(str_state, 32, 32, 32, 32, 32, 32)                                                       \
	_(str_ascii_data, 48, 48, 48, 48, 40, 40)                                                  \
	_(str_data, 72, 72, 72, 72, 56, 56)                                                        \
	_(int_tag, NO, NO, NO, NO, 16, 16)                                                         \
	_(int_digit, NO, NO, NO, NO, 24, 24)                                                       \
	_(runtime_interpreters_head, 32, 32, 32, 40, 40, 632)                                      \
	_(interp_next, 0, 0, 0, 0, 0, 7264)                                                        \
	_(interp_threads_head, 8, 8, 8, 16, 72, 7344)                                              \
	_(interp_modules, 56, 856, 856, 888, 944, 7656)                                            \
	_(interp_ceval_gil, NO, NO, NO, NO, 384, 16)                                               \
	_(runtime_gil, 1152, 352, 352, 360, NO, NO)                                                \
	_(gil_last_holder, 8, 8, 8, 8, 8, 8)                                                       \
	_(gil_locked, 16, 16, 16, 16, 16, 16)                                                      \
	_(gil_cond, 32, 32, 32, 32, 32, 32)                                                        \
	_(tstate_next, 8, 8, 8, 8, 8, 8)                                                           \
	_(tstate_interp, 16, 16, 16, 16, 16, 16)                                                   \
	_(tstate_thread_id, 176, 176, 176, 152, 136, 152)                                          \
	_(tstate_native_id, NO, NO, NO, 160, 144, 160)                                             \
	_(tstate_dict, 152, 152, 152, 128, 112, 128)                                               \
	_(tstate_frame, 24, 24, 24, 56, 56, 72)                                                    \
	_(cframe_current, NO, NO, NO, 8, 0, NO)                                                    \
	_(tstate_running_loop, NO, NO, NO, NO, NO, 304)                                            \
	_(frame_bytes, 112, 112, 104, 72, 72, 72)                                                  \
	_(frame_previous, 24, 24, 24, 48, 8, 8)                                                    \
	_(frame_code, 32, 32, 32, 32, 0, 0)                                                        \
	_(frame_position, 104, 104, 96, 56, 56, 56)                                                \
	_(frame_owner, NO, NO, NO, 69, 70, 70)                                                     \
	_(frame_generator, 96, 96, 88, NO, NO, NO)                                                 \
	_(gen_bytes, 64, 64, 56, 48, 80, 80)                                                       \
	_(gen_frame, 16, 16, 16, NO, NO, NO)                                                       \
	_(gen_iframe, NO, NO, NO, 80, 72, 72)                                                      \
	_(gen_code, 32, 32, 24, 16, 72, 72)                                                        \
	_(gen_qualname, 56, 56, 48, 40, 32, 32)                                                    \
	_(co_flags, 36, 36, 36, 48, 48, 48)                                                        \
	_(co_firstlineno, 40, 40, 40, 72, 68, 68)                                                  \
	_(co_filename, 104, 104, 104, 112, 112, 112)                                               \
	_(co_name, 112, 112, 112, 120, 120, 120)                                                   \
	_(co_qualname, NO, NO, NO, 128, 128, 128)                                                  \
	_(co_linetable, 120, 120, 120, 136, 136, 136)                                              \
	_(co_code, 48, 48, 48, 184, 192, 200)                                                      \
	_(task_bytes, 144, 184, 192, 176, 176, 144)                                                \
	_(task_loop, 16, 16, 16, 16, 16, 16)                                                       \
	_(task_callback0, 24, 24, 24, 24, 24, 24)                                                  \
	_(task_coro, 112, 152, 160, 136, 136, 120)                                                 \
	_(task_name, 120, 160, 168, 144, 144, 128)                                                 \
	_(task_state, 72, 80, 88, 88, 88, 96)                                                      \
	_(task_fut_waiter, 104, 144, 152, 128, 128, 112)                                           \
	_(cfunction_def, 16, 16, 16, 16, 16, 16)                                                   \
	_(cfunction_self, 24, 24, 24, 24, 24, 24)                                                  \
	_(wrapper_task, 16, 16, 16, 16, 16, 16)                                                    \
	_(methoddef_func, 8, 8, 8, 8, 8, 8)                                                        \
	_(dict_keys, 32, 32, 32, 32, 32, 32)                                                       \
	_(dict_values, 40, 40, 40, 40, 40, 40)                                                     \
	_(dict_used, 16, 16, 16, 16, 16, 16)                                                       \
	_(keys_nentries, 32, 32, 32, 24, 24, 24)                                                   \
	_(keys_log2_index_bytes, NO, NO, NO, 9, 9, 9)                                              \
	_(keys_kind, NO, NO, NO, 10, 10, 10)                                                       \
	_(keys_indices, 40, 40, 40, 32, 32, 32)                                                    \
	_(dictvalues_data, 0, 0, 0, 0, 0, 8)                                                       \
	_(deque_leftblock, 24, 24, 24, 24, 24, 24)                                                 \
	_(deque_leftindex, 40, 40, 40, 40, 40, 40)                                                 \
	_(deque_block_data, 8, 8, 8, 8, 8, 8)                                                      \
	_(deque_block_next, 520, 520, 520, 520, 520, 520)                                          \
	_(handle_callback, 24, 24, 24, 24, 24, 24)                                                 \
	_(handle_args, 16, 16, 16, 16, 16, 16)                                                     \
	_(timer_when, 88, 88, 88, 88, 80, 80)                                                      \
	_(float_value, 16, 16, 16, 16, 16, 16)                                                     \
	_(managed_dict, 0, 0, 0, -24, -24, -24)                                                    \
	_(managed_values, 0, 0, 0, -32, 0, 0)                                                      \
	_(frame_owner_skip_min, 0xff, 0xff, 0xff, 0xff, 3, 3)                                      \
	_(tag_mask, 0, 0, 0, 0, 0, 0)                                                              \
	_(linetable, LS_LINETABLE_LNOTAB, LS_LINETABLE_LNOTAB, LS_LINETABLE_PEP626,                \
	  LS_LINETABLE_LOCATIONS, LS_LINETABLE_LOCATIONS, LS_LINETABLE_LOCATIONS)                  \
	_(position_is_lasti, 1, 1, 2, 0, 0, 0)                                                     \
	_(task_arg, 0, 0, 0, 0, 1, 1)                                                              \
	_(minor, 8, 9, 10, 11, 12, 13)

#define V38(field, a, b, c, d, e, f) .field = a,
#define V39(field, a, b, c, d, e, f) .field = b,
#define V310(field, a, b, c, d, e, f) .field = c,
#define V311(field, a, b, c, d, e, f) .field = d,
#define V312(field, a, b, c, d, e, f) .field = e,
#define V313(field, a, b, c, d, e, f) .field = f,

static const struct ls_pyoffsets tables[] = {
	{ PY_OFFSETS(V38) },  { PY_OFFSETS(V39) },  { PY_OFFSETS(V310) },
	{ PY_OFFSETS(V311) }, { PY_OFFSETS(V312) }, { PY_OFFSETS(V313) },
};

_Static_assert(sizeof(tables) / sizeof(*tables) == PY_MINOR_MAX - PY_MINOR_MIN + 1,
	       "one table a version");

int py_offsets__init(struct ls_pyoffsets *py, uint8_t minor)
{
	if (minor < PY_MINOR_MIN || minor > PY_MINOR_MAX)
		return -ENOTSUP;
	*py = tables[minor - PY_MINOR_MIN];
	py->gil_mutex = py->gil_cond + arch.cond_bytes;
	/* Behind them a second pair: whoever gives the GIL away waits there until it was taken. */
	py->gil_end = py->gil_mutex + arch.mutex_bytes + arch.cond_bytes + arch.mutex_bytes;
	return 0;
}

/* Words of the table, in 3.13's order; cookie, version and free_threaded are words 0 to 2. */
enum {
	WORD_COOKIE,
	WORD_VERSION,
	WORD_FREE_THREADED,
	WORD_INTERPRETERS_HEAD = 5,
	WORD_INTERP_NEXT = 8,
	WORD_INTERP_THREADS_HEAD,
	WORD_INTERP_MODULES = 11,
	WORD_INTERP_CEVAL_GIL = 14,
	WORD_TSTATE_BYTES = 19,
	WORD_TSTATE_NEXT = 21,
	WORD_TSTATE_INTERP,
	WORD_TSTATE_FRAME,
	WORD_TSTATE_THREAD_ID,
	WORD_TSTATE_NATIVE_ID,
	WORD_FRAME_PREVIOUS = 29,
	WORD_FRAME_CODE,
	WORD_FRAME_POSITION,
	WORD_FRAME_OWNER = 33,
	WORD_CO_FILENAME = 35,
	WORD_CO_NAME,
	WORD_CO_QUALNAME,
	WORD_CO_LINETABLE,
	WORD_CO_FIRSTLINENO,
	WORD_CO_CODE = 43,
	WORD_OB_TYPE = 45,
	WORDS
};
_Static_assert(WORDS * 8 == PY_DEBUG_OFFSETS_BYTES, "length of the table that is read");

/* The largest sensible place of a field: in frames, what one read of the kernel side covers. */
#define FRAME_LIMIT 104
#define OBJECT_LIMIT 1024
#define STATE_LIMIT 65528

static const struct {
	uint8_t word;
	uint16_t field; /* in struct ls_pyoffsets */
	uint16_t limit;
} debug_fields[] = {
#define FIELD(word, name, limit)                                                                   \
	{                                                                                          \
		WORD_##word, offsetof(struct ls_pyoffsets, name), limit                            \
	}
	FIELD(INTERPRETERS_HEAD, runtime_interpreters_head, STATE_LIMIT),
	FIELD(INTERP_NEXT, interp_next, STATE_LIMIT),
	FIELD(INTERP_THREADS_HEAD, interp_threads_head, STATE_LIMIT),
	FIELD(INTERP_MODULES, interp_modules, STATE_LIMIT),
	FIELD(INTERP_CEVAL_GIL, interp_ceval_gil, STATE_LIMIT),
	FIELD(TSTATE_BYTES, tstate_running_loop, OBJECT_LIMIT),
	FIELD(TSTATE_NEXT, tstate_next, OBJECT_LIMIT),
	FIELD(TSTATE_INTERP, tstate_interp, OBJECT_LIMIT),
	FIELD(TSTATE_FRAME, tstate_frame, OBJECT_LIMIT),
	FIELD(TSTATE_THREAD_ID, tstate_thread_id, OBJECT_LIMIT),
	FIELD(TSTATE_NATIVE_ID, tstate_native_id, OBJECT_LIMIT),
	FIELD(FRAME_PREVIOUS, frame_previous, FRAME_LIMIT),
	FIELD(FRAME_CODE, frame_code, FRAME_LIMIT),
	FIELD(FRAME_POSITION, frame_position, FRAME_LIMIT),
	FIELD(FRAME_OWNER, frame_owner, FRAME_LIMIT),
	FIELD(CO_FILENAME, co_filename, OBJECT_LIMIT),
	FIELD(CO_NAME, co_name, OBJECT_LIMIT),
	FIELD(CO_QUALNAME, co_qualname, OBJECT_LIMIT),
	FIELD(CO_LINETABLE, co_linetable, OBJECT_LIMIT),
	FIELD(CO_FIRSTLINENO, co_firstlineno, OBJECT_LIMIT),
	FIELD(CO_CODE, co_code, OBJECT_LIMIT),
	FIELD(OB_TYPE, ob_type, 64),
#undef FIELD
};

static uint64_t word_at(const uint8_t *table, size_t word)
{
	uint64_t value;

	memcpy(&value, table + 8 * word, sizeof(value));
	return value;
}

bool py_debug_offsets_head(const uint8_t *table, size_t size, uint32_t *ret_hexversion,
			   bool *ret_free_threaded)
{
	if (size < 8 * (WORD_FREE_THREADED + 1) || memcmp(table, "xdebugpy", 8))
		return false;
	*ret_hexversion = (uint32_t)word_at(table, WORD_VERSION);
	*ret_free_threaded = word_at(table, WORD_FREE_THREADED) != 0;
	return true;
}

static uint16_t max_u16(uint16_t a, uint16_t b)
{
	return a > b ? a : b;
}

/* How much one read of a frame must take, and where the code object of a generator's own frame is. */
static void derive(struct ls_pyoffsets *py)
{
	uint16_t last = max_u16(py->frame_previous, max_u16(py->frame_code, py->frame_position));

	py->frame_bytes = max_u16(last + 8, (uint16_t)((py->frame_owner & ~7) + 8));
	py->gen_code = py->gen_iframe + py->frame_code;
	py->gen_bytes = max_u16(py->gen_code, py->gen_qualname) + 8;
}

#define GEN_BYTES_MAX 96

int py_offsets__apply_debug(struct ls_pyoffsets *py, const uint8_t *table, size_t size)
{
	struct ls_pyoffsets next = *py;

	if (size < PY_DEBUG_OFFSETS_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(debug_fields) / sizeof(*debug_fields); i++) {
		uint64_t value = word_at(table, debug_fields[i].word);
		uint16_t offset = (uint16_t)value;

		if (value > debug_fields[i].limit)
			return -EINVAL;
		memcpy((uint8_t *)&next + debug_fields[i].field, &offset, sizeof(offset));
	}
	derive(&next);
	if (next.gen_bytes > GEN_BYTES_MAX)
		return -EINVAL;
	*py = next;
	return 0;
}
