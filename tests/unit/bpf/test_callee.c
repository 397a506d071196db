/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C functions as callbacks: they have no frame, and are found in the handle that runs.
 */
#include <string.h>
#include <unistd.h>

#include "bpf/host/expect.h"
#include "core/span.h"
#include "bpf/host/user_side.h"
#include "runtime/runtime.h"
#include "symbol/symbol.h"

#define HANDLE_RUN 0xabc8
#define LOCAL(i) (72 + 8 * (i))
#define TP_UNICODE (1ULL << 28)

static uint64_t frame, handle;

static uint64_t text(const char *chars)
{
	const uint64_t addr = py__alloc(400); /* what is copied of it is longer */

	memory__write(addr, chars, strlen(chars) + 1);
	return addr;
}

static uint64_t type_named(const char *name)
{
	const uint64_t type = py__alloc(400);

	memory__put(type + python.proc.py.at.tp_name, text(name));
	memory__put(type + python.proc.py.at.tp_call, 0x5300);
	return type;
}

static uint64_t c_function(const char *type, const char *name, uint64_t self, uint64_t module)
{
	const uint64_t def = py__alloc(32);
	const uint64_t function = py__object(type_named(type), 64);

	memory__put(def, text(name));
	memory__put(function + python.proc.py.at.cfunction_def, def);
	memory__put(function + python.proc.py.at.cfunction_self, self);
	memory__put(function + python.proc.py.at.cfunction_self + 8, module);
	return function;
}

static void begin(void)
{
	world__begin();
	world__know_loop();
	step(world.task, US);
	frame = py__frame(HANDLE_RUN, 0x10, world.loop_frame);
	py__alloc(64);
	handle = py__object(type_named("Handle"), 128);
	memory__put(frame + LOCAL(0), handle);
	py__set_top(world.tstate, frame);
}

TestSuite(bpf_callee, .init = begin);

/* What the innermost frame of a stall is when the handle has that callback. */
static struct ls_frame innermost(uint64_t callback)
{
	const struct host_record *rec;

	memory__put(handle + PY_HANDLE_CALLBACK, callback);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	step(world.task, US);
	rec = next_record(LS_REC_STACK);
	cr_assert_not_null(rec);
	cr_assert_eq(rec->stack.count, 2, "it is one place");
	return rec->stack.frames[0];
}

static const char *name_of(struct ls_frame at)
{
	static char name[64];
	struct target t = { .runtime = &runtime_python, .pid = getpid(), .ns_pid = getpid() };
	struct code_info info;
	struct resolver r;
	struct symbols *s;

	t.proc = python.proc;
	cr_assert_eq(symbols__new(&s), 0);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	for (size_t i = 0; i < machine.n_records; i++) {
		struct ls_rec_code code = machine.records[i].code;

		if (machine.records[i].hdr.kind != LS_REC_CODE || code.code != at.code)
			continue;
		code.hdr.tgid = (uint32_t)t.pid;
		symbols__keep_code(s, &code);
	}
	r = symbols__resolver(s);
	cr_assert_eq(r.ops->code(r.ctx, (uint32_t)t.pid, at.code, 0, &info), 0);
	cr_assert_str_eq(info.file, "<built-in>");
	cr_assert_eq(r.ops->line(r.ctx, (uint32_t)t.pid, &at), 0);
	strncpy(name, info.name, sizeof(name) - 1);
	symbols__free(s);
	return name;
}

static uint64_t module_named(const char *name)
{
	const uint64_t module = py__str(name);

	py__alloc(400);
	return module;
}

Test(bpf_callee, function_of_a_module)
{
	const struct ls_frame at = innermost(c_function("builtin_function_or_method", "sleep",
							py__alloc(64), module_named("time")));

	cr_assert_eq(at.code & 7, LS_CODE_C_FUNCTION);
	cr_assert_str_eq(name_of(at), "time.sleep");
}

Test(bpf_callee, builtin)
{
	cr_assert_str_eq(name_of(innermost(c_function("builtin_function_or_method", "sorted",
						      py__alloc(64), module_named("builtins")))),
			 "sorted");
}

Test(bpf_callee, method_of_an_object)
{
	const uint64_t lock = py__object(type_named("_thread.lock"), 64);

	cr_assert_str_eq(
		name_of(innermost(c_function("builtin_function_or_method", "acquire", lock, 0))),
		"_thread.lock.acquire");
}

Test(bpf_callee, partial)
{
	const uint64_t partial = py__object(type_named("functools.partial"), 64);

	memory__put(partial + 16,
		    c_function("builtin_function_or_method", "compress", py__alloc(64),
			       module_named("zlib")));
	cr_assert_str_eq(name_of(innermost(partial)), "zlib.compress");
}

Test(bpf_callee, descriptor)
{
	const uint64_t descriptor = py__object(type_named("method_descriptor"), 64);
	const uint64_t def = py__alloc(32);

	memory__put(def, text("sort"));
	memory__put(descriptor + 16, type_named("list"));
	memory__put(descriptor + 40, def);
	cr_assert_str_eq(name_of(innermost(descriptor)), "list.sort");
}

Test(bpf_callee, a_type_and_its_instance)
{
	uint64_t type = type_named("numpy.ufunc");

	cr_assert_str_eq(name_of(innermost(py__object(type, 64))), "numpy.ufunc");
	memory__put(type + python.proc.py.at.ob_type, type_named("type"));
	cr_assert_str_eq(name_of(innermost(type)), "numpy.ufunc");
}

/* Python's own functions have frames, a task's step is no callback, and None cannot be called. */
Test(bpf_callee, none)
{
	const uint64_t none = type_named("NoneType");
	const uint64_t callbacks[] = { py__object(type_named("function"), 64),
				       py__object(type_named("method"), 64),
				       py__step_callback(world.task),
				       py__wakeup_callback(world.task),
				       py__object(none, 64),
				       0 };

	memory__put(none + python.proc.py.at.tp_call, 0);
	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
		cr_assert_eq(innermost(callbacks[i]).code, HANDLE_RUN, "%zu", i);
}

Test(bpf_callee, only_of_a_handle)
{
	memory__put(handle + python.proc.py.at.ob_type, type_named("Handles"));
	cr_assert_eq(innermost(c_function("builtin_function_or_method", "sleep", py__alloc(64),
					  module_named("time")))
			     .code,
		     HANDLE_RUN);
}

/* uvloop's handle lies in the last place that the queue gave up, with two references. */
Test(bpf_callee, of_a_native_loop)
{
	struct ls_loop *loop = loop_of(thread_of(&world.thread->task));
	const uint64_t function = c_function("builtin_function_or_method", "sleep", py__alloc(64),
					     module_named("time"));

	loop->py.is_native = 1;
	thread_of(&world.thread->task)->loop_frame = frame;
	memory__put(handle + python.proc.py.at.ob_type, type_named("uvloop.loop.Handle"));
	memory__put(handle, 2);
	memory__put(handle + PY_HANDLE_CALLBACK - 16, 1);
	py__deque_append(world.ready, handle);
	py__deque_popleft(world.ready);
	cr_assert_str_eq(name_of(innermost(function)), "time.sleep");
	memory__put(handle, 1);
	cr_assert_eq(innermost(function).code, HANDLE_RUN, "it has run");
	memory__put(handle, 2);
	memory__put(handle + PY_HANDLE_CALLBACK - 16, 2);
	cr_assert_eq(innermost(function).code, HANDLE_RUN, "it calls uvloop itself");
}

static uint64_t native_handle(uint64_t function)
{
	struct ls_loop *loop = loop_of(thread_of(&world.thread->task));

	loop->py.is_native = 1;
	thread_of(&world.thread->task)->loop_frame = frame;
	memory__put(handle, 2);
	memory__put(handle + PY_HANDLE_CALLBACK - 16, 1);
	memory__put(handle + PY_HANDLE_CALLBACK, function);
	return handle;
}

/* Behind the last place of a block the queue goes on elsewhere. */
Test(bpf_callee, of_a_native_loop_at_the_end_of_a_block)
{
	const uint64_t function = c_function("builtin_function_or_method", "sleep", py__alloc(64),
					     module_named("time"));
	const uint64_t deque = world.ready + python.proc.py.at.ob_size, block = py__alloc(600),
		       next = py__alloc(600);

	native_handle(function);
	memory__put(block + python.proc.py.at.deque_block_data + 8 * 63, handle);
	memory__put(next, block);
	memory__put(deque, 1);
	memory__put(deque + 8, next);
	memory__put(deque + 24, 0);
	cr_assert_str_eq(name_of(innermost(function)), "time.sleep");
	memory__put(deque, 0);
	memory__put(deque + 8, block);
	memory__put(deque + 24, 32);
	cr_assert_str_eq(name_of(innermost(function)), "time.sleep", "nothing is left");
}

Test(bpf_callee, of_a_native_loops_timer)
{
	const uint64_t function = c_function("builtin_function_or_method", "sleep", py__alloc(64),
					     module_named("time"));
	const uint64_t set = py__alloc(64), slots = py__alloc(8 * 16), waits = py__alloc(96),
		       runs = py__alloc(96), timers[] = { py__alloc(112), py__alloc(112) };

	native_handle(0);
	loop_of(thread_of(&world.thread->task))->py.uv_timer_args = PY_UV_ARGS;
	memory__put(world.loop + 208, set);
	memory__put(set + python.proc.py.at.ob_head + 16, 7);
	memory__put(set + python.proc.py.at.ob_head + 24, slots);
	memory__put(slots + 16, waits);
	memory__put(slots + 5 * 16, runs);
	memory__put(waits + 48, timers[0]);
	memory__put(runs + 48, timers[1]);
	memory__put(runs + 24, function);
	memory__put(timers[0] + 80, waits);
	memory__put(timers[0] + 88, 1);
	memory__put(timers[1] + 80, runs);
	cr_assert_str_eq(name_of(innermost(function)), "time.sleep");
	memory__put(timers[1] + 88, 1);
	cr_assert_eq(innermost(function).code, HANDLE_RUN, "none runs");
}

/* A step's own line says what it calls. */
Test(bpf_callee, not_inside_a_step)
{
	memory__put(handle + PY_HANDLE_CALLBACK,
		    c_function("builtin_function_or_method", "sleep", py__alloc(64),
			       module_named("time")));
	step_enter(world.task, 0x1000);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_record(LS_REC_STACK)->stack.frames[0].code, HANDLE_RUN);
}
