/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The callback in C, which has no frame, that asyncio's loop calls: as the kernel side finds it
 * (bpf/queue/callee.bpf.c, with the sources).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "python/py_code.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/python.h"

#define NAME_BYTES 64
#define DESCRIPTOR_DEFINITION 24 /* behind the head of a method descriptor; its type is first */

static bool is_of_type(const struct target *t, uint64_t object, const char *name)
{
	char found[NAME_BYTES];
	uint64_t type;

	return object && !py_type_of(t, object, &type) &&
		!py_type_name(t, type, found, sizeof(found)) && !strcmp(found, name);
}

static uint64_t word_at(const struct target *t, uint64_t addr)
{
	uint64_t value;

	return py_read_u64(t, addr, &value) ? 0 : value;
}

/* Name of the module, or of the type whose method it is; "" if it has none. */
static void read_owner(const struct target *t, uint64_t function, char buf[NAME_BYTES])
{
	const uint64_t at = function + t->proc.py.at.cfunction_self;
	const uint64_t self = word_at(t, at), module = word_at(t, at + sizeof(self));
	uint64_t type = self;

	buf[0] = '\0';
	if (module) {
		if (!py_str_ascii(t, module, buf, NAME_BYTES))
			buf[0] = '\0';
		return;
	}
	if (!self || (!is_of_type(t, self, "type") && py_type_of(t, self, &type)) ||
	    py_type_name(t, type, buf, NAME_BYTES))
		buf[0] = '\0';
}

/* The definition of a C function or method, which begins with its name, and its owner. */
static int read_function(const struct target *t, uint64_t callable, char *buf, size_t size)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	char name[NAME_BYTES], owner[NAME_BYTES] = "";
	uint64_t definition, text;
	int r;

	if (is_of_type(t, callable, "method_descriptor")) {
		definition = word_at(t, callable + py->ob_head + DESCRIPTOR_DEFINITION);
		if (py_type_name(t, word_at(t, callable + py->ob_head), owner, sizeof(owner)))
			owner[0] = '\0';
	} else {
		definition = word_at(t, callable + py->cfunction_def);
		read_owner(t, callable, owner);
	}
	r = py_read_u64(t, definition, &text);
	if (!r)
		r = py_read_cstring(t, text, name, sizeof(name));
	if (r)
		return r;
	if (!*owner || !strcmp(owner, "builtins"))
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%s.%s", owner, name);
	return 0;
}

static bool is_step(const struct target *t, uint64_t callable)
{
	const uint64_t self = word_at(t, callable + t->proc.py.at.cfunction_self);

	return self && py_is_instance(t, self, "Task");
}

/* Something with a type that can be called, which names it. What is written in Python has frames.
 */
static int read_callable(const struct target *t, uint64_t callable, char *buf, size_t size)
{
	const struct ls_proc *proc = &t->proc;
	uint64_t type, call;
	int r;

	if (is_of_type(t, callable, "function") || is_of_type(t, callable, "method"))
		return -ENOENT;
	if (is_of_type(t, callable, "type"))
		return py_type_name(t, callable, buf, size);
	r = py_type_of(t, callable, &type);
	if (!r)
		r = py_read_u64(t, type + proc->py.at.tp_call, &call);
	if (r)
		return r;
	return call && call != proc->py.step_call && call != proc->py.wakeup_call ?
		py_type_name(t, type, buf, size) :
		-ENOENT;
}

static int name_callable(const struct target *t, uint64_t callable, char *buf, size_t size)
{
	if (!callable)
		return -ENOENT;
	if (is_of_type(t, callable, "method_descriptor"))
		return read_function(t, callable, buf, size);
	if (is_of_type(t, callable, "builtin_function_or_method") ||
	    is_of_type(t, callable, "cython_function_or_method"))
		return is_step(t, callable) ? -ENOENT : read_function(t, callable, buf, size);
	return read_callable(t, callable, buf, size);
}

int py_callee(const struct target *t, uint64_t tstate, struct target_callee *ret)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t frame, handle, callable;
	struct target_callee found = { .file = PY_C_FUNCTION_FILE };
	int r = py_frame_top(t, tstate, &frame);

	if (!r)
		r = frame ? py_read_u64(t, frame + py->frame_locals, &handle) : -ENOENT;
	if (r)
		return r;
	handle &= ~(uint64_t)py->tag_mask;
	if (!is_of_type(t, handle, "Handle") && !is_of_type(t, handle, "TimerHandle"))
		return -ENOENT;
	callable = word_at(t, handle + py->handle_callback);
	if (is_of_type(t, callable, "functools.partial"))
		callable = word_at(t, callable + py->ob_head);
	r = name_callable(t, callable, found.name, sizeof(found.name));
	if (!r)
		*ret = found;
	return r;
}
