/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A version that nobody knows, laid out by hand: as its tables say, and with one thing after the
 * other elsewhere.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/work.h"
#include "python/fake_objects.h"
#include "python/py_check.h"

static uint64_t interp[1500];

struct world {
	struct target t;
	struct py_check_types types;
	uint64_t *tstate, *frame, *shim, *code, *version;
};

static uint64_t make_known_type(const struct world *w, const char *name)
{
	uint64_t type = make_type(&w->t, name, 0);

	put((uint64_t *)type, w->t.proc.py.at.ob_type, w->types.type);
	return type;
}

static uint64_t make_named_object(const struct world *w, const char *type_name)
{
	uint64_t *o = object();

	put(o, w->t.proc.py.at.ob_type, make_known_type(w, type_name));
	return address(o);
}

/* One thread, ours, in a function that was called from C. */
static void make_thread(struct world *w)
{
	const struct ls_pyoffsets *py = &w->t.proc.py.at;

	w->tstate = object();
	w->frame = object();
	w->shim = object();
	w->code = object();
	put(interp, py->interp_threads_head, address(w->tstate));
	put(w->tstate, py->tstate_interp, address(interp));
	put(w->tstate, py->tstate_native_id, (uint64_t)getpid());
	put(w->tstate, py->tstate_frame, address(w->frame));
	put(w->code, py->ob_type, w->types.code);
	put(w->code, py->co_filename, make_named_object(w, "str"));
	put(w->code, py->co_name, make_named_object(w, "str"));
	put(w->code, py->co_qualname, make_named_object(w, "str"));
	put(w->code, py->co_linetable, make_named_object(w, "bytes"));
	put(w->frame, py->frame_position, address(w->code) + py->co_code + 12);
	put(w->frame, py->frame_code, address(w->code) | (py->tag_mask & 1));
	put(w->frame, py->frame_previous, address(w->shim));
	((uint8_t *)w->shim)[py->frame_owner] = py->frame_owner_skip_min;
	put(w->shim, py->frame_code, 0x28);
}

static void make_world(struct world *w)
{
	static const char *const names[] = { "hexversion" }, *const modules[] = { "sys" };
	uint64_t module;

	memset(interp, 0, sizeof(interp));
	w->t = self_as(PY_MINOR_MAX);
	py_target(&w->t)->version[1] = PY_MINOR_MAX + 1;
	py_target(&w->t)->interp = address(interp);
	w->types.type = make_type(&w->t, "type", 0);
	put((uint64_t *)w->types.type, w->t.proc.py.at.tp_call, 0x1234);
	w->types.number = make_known_type(w, "int");
	w->types.boolean = make_known_type(w, "bool");
	w->types.code = make_known_type(w, "code");
	put((uint64_t *)w->types.boolean, w->t.proc.py.at.tp_base, w->types.number);
	w->version = object();
	put(w->version, w->t.proc.py.at.int_tag, 1 << 3);
	put(w->version, w->t.proc.py.at.int_digit, (PY_MINOR_MAX + 1) << 16 | 0x03000000 | 0xa1);
	module = make_module(&w->t, names, &(uint64_t){ address(w->version) }, 1);
	put(interp, w->t.proc.py.at.interp_modules, make_dict(&w->t, modules, &module, 1, true));
	make_thread(w);
}

Test(py_check, all_where_it_should_be)
{
	struct world w;

	make_world(&w);
	cr_assert_null(py_check__layout(&w.t, &w.types));
	/* A thread that runs no Python at this moment has no frames. */
	put(w.tstate, w.t.proc.py.at.tstate_frame, 0);
	cr_assert_null(py_check__layout(&w.t, &w.types));
}

static void check_moved(uint16_t *field, struct world *w, const char *what)
{
	uint16_t was = *field;

	*field += 8;
	cr_assert_str_eq(py_check__layout(&w->t, &w->types), what);
	*field = was;
	cr_assert_null(py_check__layout(&w->t, &w->types));
}

Test(py_check, one_thing_elsewhere)
{
	struct world w;
	struct ls_pyoffsets *py = &w.t.proc.py.at;

	make_world(&w);
	check_moved(&py->ob_type, &w, "types");
	check_moved(&py->tp_name, &w, "types");
	check_moved(&py->tp_base, &w, "types");
	check_moved(&py->tp_basicsize, &w, "types");
	check_moved(&py->tp_call, &w, "types");
	check_moved(&py->interp_modules, &w, "modules");
	check_moved(&py->dict_keys, &w, "modules");
	check_moved(&py->str_length, &w, "modules");
	check_moved(&py->int_digit, &w, "modules");
	check_moved(&py->interp_threads_head, &w, "threads");
	check_moved(&py->tstate_interp, &w, "threads");
	check_moved(&py->tstate_native_id, &w, "threads");
	check_moved(&py->frame_code, &w, "frames");
	check_moved(&py->frame_position, &w, "frames");
	check_moved(&py->co_linetable, &w, "frames");
}

Test(py_check, values_that_do_not_fit)
{
	struct world w;

	make_world(&w);
	put(w.version, w.t.proc.py.at.int_digit, PY_MINOR_MAX << 16 | 0x03000000);
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "modules");
	make_world(&w);
	put(w.tstate, w.t.proc.py.at.tstate_native_id, 1);
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "threads");
	make_world(&w);
	put(w.code, w.t.proc.py.at.ob_type, w.types.number);
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "frames");
	make_world(&w);
	put(w.frame, w.t.proc.py.at.frame_previous, 0x18);
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "frames");
	make_world(&w);
	put(w.frame, w.t.proc.py.at.frame_position,
	    address(w.code) + w.t.proc.py.at.co_code + (16U << 20));
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "frames");
	make_world(&w);
	w.types.code = 0;
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "types");
}

/* Of lists that lead back to themselves the end is found. */
Test(py_check, circles)
{
	struct world w;

	make_world(&w);
	put(w.shim, w.t.proc.py.at.frame_previous, address(w.frame));
	cr_assert_null(py_check__layout(&w.t, &w.types));
	put(w.tstate, w.t.proc.py.at.tstate_native_id, 0);
	put(w.tstate, w.t.proc.py.at.tstate_next, address(w.tstate));
	/* Nothing but the allowance ends a list of threads as soon as this one. */
	work_begin(20000000);
	cr_assert_str_eq(py_check__layout(&w.t, &w.types), "threads");
	cr_assert_eq(work_end(), -ETIME);
}
