/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each check reads over several fields to a value that nothing but the right places would yield: a name, the version, an address that is
 * also exported, a thread that the kernel knows.
 */
#include "target/py_check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/procfs.h"
#include "target/py_memory.h"

#define TRIES 3
#define MAX_THREADS 256
#define MAX_FRAMES 64
#define FRAME_BYTES_MAX 128

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
	const struct ls_pyoffsets *py = &t->proc.py;
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
		value >> 16 == ((uint64_t)t->version[0] << 8 | t->version[1]);
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
	const struct ls_pyoffsets *py = &t->proc.py;
	uint64_t tstate, native_id;

	(void)types;
	if (py_read_u64(t, t->interp + py->interp_threads_head, &tstate))
		return false;
	for (int i = 0; tstate && i < MAX_THREADS; i++) {
		if (!has_word(t, tstate + py->tstate_interp, t->interp) ||
		    py_read_u64(t, tstate + py->tstate_native_id, &native_id))
			return false;
		if (is_thread(t, native_id))
			return true;
		if (py_read_u64(t, tstate + py->tstate_next, &tstate))
			return false;
	}
	return false;
}

/* The code of a frame, 0 for one that runs none. */
static int read_frame(const struct target *t, uint64_t *frame, uint64_t *ret_code)
{
	const struct ls_pyoffsets *py = &t->proc.py;
	uint8_t words[FRAME_BYTES_MAX];

	if (py->frame_bytes > sizeof(words) || target__read(t, *frame, words, py->frame_bytes))
		return -1;
	memcpy(ret_code, words + py->frame_code, sizeof(*ret_code));
	memcpy(frame, words + py->frame_previous, sizeof(*frame));
	*ret_code = words[py->frame_owner] < py->frame_owner_skip_min ?
			    *ret_code & ~(uint64_t)py->tag_mask :
			    0;
	return 0;
}

/* Every frame of the first thread that has one runs a code object. */
static bool check_frames(const struct target *t, const struct py_check_types *types)
{
	const struct ls_pyoffsets *py = &t->proc.py;
	uint64_t tstate, frame = 0, code;

	if (py_read_u64(t, t->interp + py->interp_threads_head, &tstate))
		return false;
	for (int i = 0; tstate && !frame && i < MAX_THREADS; i++)
		if (py_read_u64(t, tstate + py->tstate_frame, &frame) ||
		    py_read_u64(t, tstate + py->tstate_next, &tstate))
			return false;
	for (int i = 0; frame && i < MAX_FRAMES; i++)
		if (read_frame(t, &frame, &code) ||
		    (code && !has_word(t, code + py->ob_type, types->code)))
			return false;
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
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		int tries = TRIES;

		while (tries && !checks[i].holds(t, types))
			tries--;
		if (!tries)
			return checks[i].what;
	}
	return NULL;
}
