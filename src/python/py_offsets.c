/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row for each field, one column for each version. Sources: cpython Include/ and
 * Include/internal/ of each version (object.h, pycore_runtime.h, pycore_interp.h, pystate.h,
 * pycore_frame.h, genobject.h, code.h, unicodeobject.h, dictobject.h, pycore_dict.h),
 * Modules/_asynciomodule.c, Modules/_collectionsmodule.c, Lib/asyncio/events.py.
 */
#include "python/py_offsets.h"

#include <errno.h>

#include "base/array.h"
#include "arch/arch.h"

#define NO LS_PY_NONE
#define LNOTAB LS_LINETABLE_LNOTAB
#define PEP626 LS_LINETABLE_PEP626
#define LOCATIONS LS_LINETABLE_LOCATIONS
#define POINTER LS_STACK_TOP_POINTER
#define DEPTH LS_STACK_TOP_DEPTH
#define WORDS LS_STACK_TOP_WORDS

/*
 * _(field, 3.8, 3.9, 3.10, 3.11, 3.12, 3.13, 3.14, 3.15). O: a place in an object, behind its head,
 * which is longer in a free-threaded build.
 */
#define PY_OFFSETS(_, O)                                                                           \
	O(ob_head, 16, 16, 16, 16, 16, 16, 16, 16)                                                 \
	O(ob_type, 8, 8, 8, 8, 8, 8, 8, 8)                                                         \
	O(tp_name, 24, 24, 24, 24, 24, 24, 24, 24)                                                 \
	O(tp_basicsize, 32, 32, 32, 32, 32, 32, 32, 32)                                            \
	O(tp_call, 128, 128, 128, 128, 128, 128, 128, 128)                                         \
	O(tp_flags, 168, 168, 168, 168, 168, 168, 168, 168)                                        \
	O(tp_base, 256, 256, 256, 256, 256, 256, 256, 256)                                         \
	O(tp_dictoffset, 288, 288, 288, 288, 288, 288, 288, 288)                                   \
	O(ht_cached_keys, 872, 864, 872, 872, 880, 880, 880, 888)                                  \
	O(ob_size, 16, 16, 16, 16, 16, 16, 16, 16)                                                 \
	O(list_items, 24, 24, 24, 24, 24, 24, 24, 24)                                              \
	O(tuple_items, 24, 24, 24, 24, 24, 24, 32, 32)                                             \
	O(bytes_data, 32, 32, 32, 32, 32, 32, 32, 32)                                              \
	O(str_length, 16, 16, 16, 16, 16, 16, 16, 16)                                              \
	O(str_state, 32, 32, 32, 32, 32, 32, 32, 32)                                               \
	O(str_ascii_data, 48, 48, 48, 48, 40, 40, 40, 40)                                          \
	O(str_data, 72, 72, 72, 72, 56, 56, 56, 56)                                                \
	O(int_tag, NO, NO, NO, NO, 16, 16, 16, 16)                                                 \
	O(int_digit, NO, NO, NO, NO, 24, 24, 24, 24)                                               \
	_(runtime_interpreters_head, 32, 32, 32, 40, 40, 632, 808, 936)                            \
	_(interp_next, 0, 0, 0, 0, 0, 7264, 7272, 7264)                                            \
	_(interp_threads_head, 8, 8, 8, 16, 72, 7344, 7344, 7336)                                  \
	_(interp_modules, 56, 856, 856, 888, 944, 7656, 7688, 7592)                                \
	_(interp_tasks, NO, NO, NO, NO, NO, NO, NO, NO)                                            \
	_(interp_ceval_gil, NO, NO, NO, NO, 384, 16, 16, 16)                                       \
	_(runtime_gil, 1152, 352, 352, 360, NO, NO, NO, NO)                                        \
	_(interp_gc, NO, 616, 616, 648, 112, 7400, 7408, 7400)                                     \
	_(runtime_gc, 344, NO, NO, NO, NO, NO, NO, NO)                                             \
	_(gc_collecting, 200, 200, 200, 200, 200, 200, 192, 112)                                   \
	_(gc_generation0_back, 104, 104, 104, 104, 104, 104, NO, NO)                               \
	_(gc_generations_back, NO, NO, NO, NO, NO, NO, 168, 104)                                   \
	_(gil_last_holder, 8, 8, 8, 8, 8, 8, 8, 8)                                                 \
	_(gil_locked, 16, 16, 16, 16, 16, 16, 16, 16)                                              \
	_(gil_cond, 32, 32, 32, 32, 32, 32, 32, 32)                                                \
	_(tstate_next, 8, 8, 8, 8, 8, 8, 8, 8)                                                     \
	_(tstate_interp, 16, 16, 16, 16, 16, 16, 16, 16)                                           \
	_(tstate_thread_id, 176, 176, 176, 152, 136, 152, 152, 176)                                \
	_(tstate_native_id, NO, NO, NO, 160, 144, 160, 160, 184)                                   \
	_(tstate_dict, 152, 152, 152, 128, 112, 128, 128, 152)                                     \
	_(tstate_frame, 24, 24, 24, 56, 56, 72, 72, 72)                                            \
	_(cframe_current, NO, NO, NO, 8, 0, NO, NO, NO)                                            \
	_(tstate_running_loop, NO, NO, NO, NO, NO, 304, NO, NO)                                    \
	_(tstate_tasks, NO, NO, NO, NO, NO, NO, NO, NO)                                            \
	_(tstate_running_task, NO, NO, NO, NO, NO, NO, NO, NO)                                     \
	_(frame_bytes, 112, 112, 104, 72, 72, 72, 80, 80)                                          \
	_(frame_previous, 24, 24, 24, 48, 8, 8, 8, 8)                                              \
	_(frame_code, 32, 32, 32, 32, 0, 0, 0, 0)                                                  \
	_(frame_position, 104, 104, 96, 56, 56, 56, 56, 56)                                        \
	_(frame_owner, NO, NO, NO, 69, 70, 70, 74, 74)                                             \
	_(frame_generator, 96, 96, 88, NO, NO, NO, NO, NO)                                         \
	_(frame_locals, 360, 360, 352, 72, 72, 72, 80, 80)                                         \
	_(frame_stack, 64, 64, 64, NO, NO, NO, NO, NO)                                             \
	_(frame_stack_top, 72, 72, 80, 64, 64, 64, 64, 64)                                         \
	_(frame_object, NO, NO, NO, 40, 48, 48, 48, 48)                                            \
	_(frame_is_entry, NO, NO, NO, 68, NO, NO, NO, NO)                                          \
	O(gen_bytes, 64, 64, 56, 48, 80, 80, 80, 80)                                               \
	_(gen_frame, 16, 16, 16, NO, NO, NO, NO, NO)                                               \
	O(gen_iframe, NO, NO, NO, 80, 72, 72, 72, 72)                                              \
	O(gen_code, 32, 32, 24, 16, 72, 72, 72, 72)                                                \
	O(gen_qualname, 56, 56, 48, 40, 32, 32, 32, 32)                                            \
	O(gen_state, 24, 24, 108, 75, 67, 67, 67, 67)                                              \
	O(gen_origin, 96, 96, 88, 64, 56, 56, 56, 56)                                              \
	O(co_argcount, 16, 16, 16, 56, 52, 52, 52, 52)                                             \
	O(co_flags, 36, 36, 36, 48, 48, 48, 48, 48)                                                \
	O(co_firstlineno, 40, 40, 40, 72, 68, 68, 68, 68)                                          \
	O(co_filename, 104, 104, 104, 112, 112, 112, 112, 112)                                     \
	O(co_name, 112, 112, 112, 120, 120, 120, 120, 120)                                         \
	O(co_qualname, NO, NO, NO, 128, 128, 128, 128, 128)                                        \
	O(co_linetable, 120, 120, 120, 136, 136, 136, 136, 136)                                    \
	O(co_code, 48, 48, 48, 184, 192, 200, 208, 208)                                            \
	_(co_tlbc, NO, NO, NO, NO, NO, NO, NO, NO)                                                 \
	O(task_bytes, 144, 184, 192, 176, 176, 144, 168, 168)                                      \
	O(task_loop, 16, 16, 16, 16, 16, 16, 16, 16)                                               \
	O(task_callback0, 24, 24, 24, 24, 24, 24, 24, 24)                                          \
	O(task_coro, 112, 152, 160, 136, 136, 120, 128, 128)                                       \
	O(task_name, 120, 160, 168, 144, 144, 128, 136, 136)                                       \
	O(task_state, 72, 80, 88, 88, 88, 96, 104, 104)                                            \
	O(task_fut_waiter, 104, 144, 152, 128, 128, 112, 120, 120)                                 \
	O(task_exception, 48, 48, 48, 48, 48, 48, 48, 48)                                          \
	O(task_log_tb, 76, 84, 92, 92, 92, 100, 110, 110)                                          \
	O(task_must_cancel, 136, 176, 184, 160, 160, 100, 110, 110)                                \
	O(task_cancels, NO, NO, NO, 168, 168, 104, 112, 112)                                       \
	_(task_node, NO, NO, NO, NO, NO, NO, NO, NO)                                               \
	O(cfunction_def, 16, 16, 16, 16, 16, 16, 16, 16)                                           \
	O(cfunction_self, 24, 24, 24, 24, 24, 24, 24, 24)                                          \
	O(wrapper_task, 16, 16, 16, 16, 16, 16, 16, 16)                                            \
	_(methoddef_func, 8, 8, 8, 8, 8, 8, 8, 8)                                                  \
	O(dict_keys, 32, 32, 32, 32, 32, 32, 32, 32)                                               \
	O(dict_values, 40, 40, 40, 40, 40, 40, 40, 40)                                             \
	O(dict_used, 16, 16, 16, 16, 16, 16, 16, 16)                                               \
	_(keys_nentries, 32, 32, 32, 24, 24, 24, 24, 24)                                           \
	_(keys_log2_index_bytes, NO, NO, NO, 9, 9, 9, 9, 9)                                        \
	_(keys_kind, NO, NO, NO, 10, 10, 10, 10, 10)                                               \
	_(keys_indices, 40, 40, 40, 32, 32, 32, 32, 32)                                            \
	_(dictvalues_data, 0, 0, 0, 0, 0, 8, 8, 8)                                                 \
	O(deque_leftblock, 24, 24, 24, 24, 24, 24, 24, 24)                                         \
	O(deque_leftindex, 40, 40, 40, 40, 40, 40, 40, 40)                                         \
	_(deque_block_data, 8, 8, 8, 8, 8, 8, 8, 8)                                                \
	_(deque_block_next, 520, 520, 520, 520, 520, 520, 520, 520)                                \
	O(handle_callback, 24, 24, 24, 24, 24, 24, 24, 24)                                         \
	O(handle_args, 16, 16, 16, 16, 16, 16, 16, 16)                                             \
	O(timer_when, 88, 88, 88, 88, 80, 80, 80, 80)                                              \
	O(float_value, 16, 16, 16, 16, 16, 16, 16, 16)                                             \
	O(managed_dict, 0, 0, 0, -24, -24, -24, -24, -24)                                          \
	_(managed_values, 0, 0, 0, -32, 0, 0, 0, 0)                                                \
	_(frame_owner_skip_min, 0xff, 0xff, 0xff, 0xff, 3, 3, 3, 3)                                \
	_(tag_mask, 0, 0, 0, 0, 0, 0, 3, 3)                                                        \
	_(linetable, LNOTAB, LNOTAB, PEP626, LOCATIONS, LOCATIONS, LOCATIONS, LOCATIONS,           \
	  LOCATIONS)                                                                               \
	_(position_is_lasti, 1, 1, 2, 0, 0, 0, 0, 0)                                               \
	_(task_arg, 0, 0, 0, 0, 1, 1, 1, 1)                                                        \
	_(str_state_shift, 2, 2, 2, 2, 2, 2, 2, 2)                                                 \
	_(stack_top, POINTER, POINTER, DEPTH, WORDS, WORDS, WORDS, POINTER, POINTER)               \
	_(stack_back, 8, 8, 8, 8, 8, 8, 8, 16)                                                     \
	_(gen_awaits, 0, 0, -1, -1, -1, -1, -1, 2)                                                 \
	_(gen_awaits_max, 0, 0, -1, -1, -1, -1, -1, 3)                                             \
	_(gen_runs, 1, 1, 0, 0, 0, 0, 0, 4)                                                        \
	_(gen_created, 0, 0, -2, -2, -2, -3, -3, 0)                                                \
	_(minor, 8, 9, 10, 11, 12, 13, 14, 15)

#define V38(field, a, b, c, d, e, f, g, h) .field = a,
#define V39(field, a, b, c, d, e, f, g, h) .field = b,
#define V310(field, a, b, c, d, e, f, g, h) .field = c,
#define V311(field, a, b, c, d, e, f, g, h) .field = d,
#define V312(field, a, b, c, d, e, f, g, h) .field = e,
#define V313(field, a, b, c, d, e, f, g, h) .field = f,
#define V314(field, a, b, c, d, e, f, g, h) .field = g,
#define V315(field, a, b, c, d, e, f, g, h) .field = h,
#define PLACE(field, ...) offsetof(struct ls_pyoffsets, field),
#define NO_PLACE(...)

static const struct ls_pyoffsets tables[] = {
	{ PY_OFFSETS(V38, V38) },   { PY_OFFSETS(V39, V39) },	{ PY_OFFSETS(V310, V310) },
	{ PY_OFFSETS(V311, V311) }, { PY_OFFSETS(V312, V312) }, { PY_OFFSETS(V313, V313) },
	{ PY_OFFSETS(V314, V314) }, { PY_OFFSETS(V315, V315) },
};

_Static_assert(N_OF(tables) == PY_MINOR_MAX - PY_MINOR_MIN + 1, "one table a version");

/* The fields that a longer head moves. */
static const uint16_t places_in_objects[] = { PY_OFFSETS(NO_PLACE, PLACE) };

/*
 * Instructions that drop a value: POP_TOP, STORE_..., DELETE_..., with their special forms. Beside
 * what the death of the value calls, they call methods of the object that is stored into: with
 * their operands. Source: cpython Lib/opcode.py, from 3.13 on Lib/_opcode_metadata.py.
 */
static const struct {
	uint8_t since, until; /* minor version */
	uint8_t first, last; /* numbers of the instructions */
} drops[] = {
	{ 8, 12, 1, 1 },      { 8, 12, 60, 61 },    { 8, 12, 90, 91 },	  { 8, 12, 95, 98 },
	{ 8, 12, 125, 126 },  { 8, 10, 137, 138 },  { 11, 12, 138, 139 }, { 11, 11, 153, 154 },
	{ 11, 11, 158, 159 }, { 11, 11, 161, 161 }, { 11, 11, 167, 170 }, { 12, 12, 27, 27 },
	{ 12, 12, 113, 113 }, { 12, 12, 148, 148 }, { 12, 12, 153, 154 }, { 12, 12, 158, 160 },
	{ 13, 13, 9, 9 },     { 13, 13, 32, 32 },   { 13, 13, 38, 39 },	  { 13, 13, 63, 67 },
	{ 13, 13, 108, 114 }, { 13, 13, 209, 213 }, { 14, 15, 8, 8 },	  { 14, 14, 31, 31 },
	{ 14, 14, 37, 38 },   { 14, 14, 61, 65 },   { 14, 14, 110, 116 }, { 14, 14, 198, 202 },
	{ 15, 15, 29, 29 },   { 15, 15, 35, 36 },   { 15, 15, 59, 63 },	  { 15, 15, 109, 115 },
	{ 15, 15, 205, 209 },
};

static void set_drops(struct ls_pyoffsets *py)
{
	for (size_t i = 0; i < N_OF(drops); i++)
		for (uint8_t op = drops[i].first; py->minor >= drops[i].since &&
		     py->minor <= drops[i].until && op <= drops[i].last;
		     op++)
			py->drops[op / 32] |= 1U << op % 32;
}

#define HEAD_GROWTH 16 /* ob_tid, ob_mutex, reference counts of two kinds: Include/object.h */

/* What else is different in a free-threaded build, from 3.13 on. */
static void make_free_threaded(struct ls_pyoffsets *py)
{
	for (size_t i = 0; i < N_OF(places_in_objects); i++) {
		uint16_t *place = (uint16_t *)((uint8_t *)py + places_in_objects[i]);

		*place = (uint16_t)(*place + HEAD_GROWTH);
	}
	/* It begins with `enabled`: the GIL may be switched on (pycore_gil.h). */
	py->gil_last_holder += 8;
	py->gil_locked += 8;
	py->gil_cond += 8;
	py->tag_mask = 3; /* references that are not counted (pycore_stackref.h) */
	if (py->minor < 14)
		return;
	py->str_state_shift = 8; /* `interned` has a byte of its own (unicodeobject.h) */
	py->frame_owner = 78; /* behind tlbc_index (pycore_interpframe_structs.h) */
	py->co_tlbc = 224;
	py->co_code += 8;
	py->task_bytes += 8; /* task_tid */
}

int py_offsets__init(struct ls_pyoffsets *py, uint8_t minor, bool is_free_threaded)
{
	if (minor < PY_MINOR_MIN || minor > PY_MINOR_MAX ||
	    (is_free_threaded && minor < PY_MINOR_FREE_THREADED))
		return -ENOTSUP;
	*py = tables[minor - PY_MINOR_MIN];
	set_drops(py);
	if (is_free_threaded)
		make_free_threaded(py);
	py->gil_mutex = py->gil_cond + arch.cond_bytes;
	/*
	 * Behind them is a second pair: a thread that releases the GIL on request waits there until
	 * another thread has taken it.
	 */
	py->gil_end = py->gil_mutex + arch.mutex_bytes + arch.cond_bytes + arch.mutex_bytes;
	return 0;
}
