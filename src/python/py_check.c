/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each check reads over several fields to a value that nothing but the right places would yield: a
 * name, the version, an address that is also exported, a thread that the kernel knows.
 */
#include "python/py_check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "process/procfs.h"
#include "python/py_memory.h"
#include "python/py_tstates.h"
#include "python/python.h"

#define TRIES 3
#define MOVING_TRIES 100
#define MAX_FRAMES 64
#define FRAME_BYTES_MAX 128
#define CODE_UNIT_BYTES 2 /* a frame that has not begun is one in front */
#define CODE_BYTES_MAX (16U << 20)

static bool has_word(const struct target *t, uint64_t addr, uint64_t wanted)
{
	uint64_t value;

	return !py_read_u64(t, addr, &value) && value == wanted;
}

static bool is_named(const struct target *t, uint64_t type, const char *wanted)
{
	char name[32];

	return !py_type_name(t, type, name, sizeof(name)) && !strcmp(name, wanted);
}

/* bool is derived from int, and both are objects of `type`, which can be called. */
static bool check_types(const struct target *t, const struct py_check_types *types)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t call, bool_bytes, int_bytes;

	return has_word(t, types->boolean + py->ob_type, types->type) &&
		has_word(t, types->boolean + py->tp_base, types->number) &&
		is_named(t, types->type, "type") && is_named(t, types->boolean, "bool") &&
		is_named(t, types->number, "int") && is_named(t, types->code, "code") &&
		!py_read_u64(t, types->boolean + py->tp_basicsize, &bool_bytes) &&
		!py_read_u64(t, types->number + py->tp_basicsize, &int_bytes) &&
		bool_bytes == int_bytes && bool_bytes > py->ob_head && bool_bytes < 256 &&
		!py_read_u64(t, types->type + py->tp_call, &call) && call;
}

/* The interpreter's own word on its version: through a module, two dicts, a str and an int. */
static bool check_version(const struct target *t, const struct py_check_types *types)
{
	uint64_t object, value;

	(void)types;
	return !py_module_attribute(t, "sys", "hexversion", &object) &&
		!py_int_value(t, object, &value) &&
		value >> 16 == ((uint64_t)py_target(t)->version[0] << 8 | py_target(t)->version[1]);
}

/* Is there a thread whose kernel id, in its own pid namespace, this is? */
static bool is_thread(const struct target *t, uint64_t native_id)
{
	struct proc_status status;

	/* A process alone in our namespace, or the main thread of one in another. */
	if (native_id && native_id <= INT32_MAX &&
	    !proc_status__read(&status, t->pid, (pid_t)native_id))
		return status.tgid == t->pid;
	return native_id == (uint64_t)t->ns_pid;
}

/* At least one thread state is of this interpreter and of a thread that exists. */
static bool check_threads(const struct target *t, const struct py_check_types *types)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	struct py_tstates walk = { .t = t };
	uint64_t tstate, native_id;

	(void)types;
	while ((tstate = py_tstates__next(&walk))) {
		if (!has_word(t, tstate + py->tstate_interp, py_target(t)->interp) ||
		    py_read_u64(t, tstate + py->tstate_native_id, &native_id))
			return false;
		if (is_thread(t, native_id))
			return true;
	}
	return false;
}

/*
 * A frame's code object, 0 if it runs none, and where it is in it; moves on to the caller's frame.
 */
static int read_frame(const struct target *t, uint64_t *frame, uint64_t *ret_code,
		      uint64_t *ret_position)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint8_t words[FRAME_BYTES_MAX];

	if (py->frame_bytes > sizeof(words) || target__read(t, *frame, words, py->frame_bytes))
		return -1;
	memcpy(ret_code, words + py->frame_code, sizeof(*ret_code));
	memcpy(ret_position, words + py->frame_position, sizeof(*ret_position));
	memcpy(frame, words + py->frame_previous, sizeof(*frame));
	*ret_code = words[py->frame_owner] < py->frame_owner_skip_min ?
		*ret_code & ~(uint64_t)py->tag_mask :
		0;
	return 0;
}

static bool is_object_of(const struct target *t, uint64_t field, const char *type_name)
{
	uint64_t object, type;

	return !py_read_u64(t, field, &object) && object && !py_type_of(t, object, &type) &&
		is_named(t, type, type_name);
}

/*
 * A code object with its names and its table of lines, and the position of the frame that runs it
 * inside.
 */
static bool is_code(const struct target *t, const struct py_check_types *types, uint64_t code,
		    uint64_t position)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t start = code + py->co_code;

	if (!has_word(t, code + py->ob_type, types->code) ||
	    !is_object_of(t, code + py->co_filename, "str") ||
	    !is_object_of(t, code + py->co_name, "str") ||
	    !is_object_of(t, code + py->co_qualname, "str") ||
	    !is_object_of(t, code + py->co_linetable, "bytes"))
		return false;
	/* A thread of a free-threaded interpreter may run a copy. */
	return py_target(t)->is_free_threaded ||
		(position + CODE_UNIT_BYTES >= start && position < start + CODE_BYTES_MAX);
}

/* The innermost frame of the first thread that has one; 0 if none has. */
static int find_frame(const struct target *t, uint64_t *ret_frame)
{
	struct py_tstates walk = { .t = t };
	uint64_t tstate;
	int r = 0;

	*ret_frame = 0;
	while (!r && !*ret_frame && (tstate = py_tstates__next(&walk)))
		r = py_read_u64(t, tstate + t->proc.py.at.tstate_frame, ret_frame);
	return r ? r : walk.error;
}

static bool are_frames(const struct target *t, const struct py_check_types *types, uint64_t frame)
{
	uint64_t code, position;

	for (int i = 0; frame && i < MAX_FRAMES; i++)
		if (read_frame(t, &frame, &code, &position) ||
		    (code && !is_code(t, types, code, position)))
			return false;
	return true;
}

/*
 * Every frame runs a code object. A running thread may leave frames while they are read: that
 * proves nothing.
 */
static bool check_frames(const struct target *t, const struct py_check_types *types)
{
	uint64_t frame, after;

	for (int i = 0; i < MOVING_TRIES; i++) {
		if (find_frame(t, &frame))
			return false;
		if (are_frames(t, types, frame))
			return true;
		if (find_frame(t, &after) || after == frame)
			return false;
	}
	return true;
}

static const struct {
	bool (*holds)(const struct target *t, const struct py_check_types *types);
	const char *what;
} checks[] = {
	{ check_types, "types" },
	{ check_version, "modules" },
	{ check_threads, "threads" },
	{ check_frames, "frames" },
};

const char *py_check__layout(const struct target *t, const struct py_check_types *types)
{
	for (size_t i = 0; i < N_OF(checks); i++) {
		int tries = TRIES;

		while (tries && !checks[i].holds(t, types))
			tries--;
		if (!tries)
			return checks[i].what;
	}
	return NULL;
}
