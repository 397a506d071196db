/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of code objects: when they are made, and that both sides agree about what is in them.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/host/expect.h"
#include "python/fake_code.h"
#include "runtime/runtime.h"
#include "stream/event.h"
#include "symbol/symbol.h"

static struct fake *fake;

static void init(void)
{
	struct ls_pyoffsets *at = &python.proc.py.at;

	world__begin();
	fake = fake__new(12);
	at->tp_name = fake->source.proc.py.at.tp_name;
	at->co_filename = fake->source.proc.py.at.co_filename;
	at->co_qualname = fake->source.proc.py.at.co_qualname;
	at->co_linetable = fake->source.proc.py.at.co_linetable;
	world__update_proc();
}

static void fini(void)
{
	free(fake);
}

TestSuite(bpf_codes, .init = init, .fini = fini);

/* A task whose coroutine runs such a function. */
static uint64_t add_task(const char *file, uint64_t *ret_code)
{
	*ret_code = fake__code(fake, file, "go", "A.go", 10);
	memory__write(BASE, fake->bytes, sizeof(fake->bytes));
	return world__add_task("work", *ret_code);
}

static uint64_t coro_of(uint64_t task)
{
	uint64_t coro = 0;

	bpf_probe_read_user(&coro, sizeof(coro),
			    (const void *)(task + python.proc.py.at.task_coro));
	return coro;
}

static void sleep_in(uint64_t task, uint64_t duration_ns)
{
	step_enter(task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(coro_of(task), 0x30, world.loop_frame));
	blocked(SYS_clock_nanosleep, 0, duration_ns);
	step_exit(0x1000);
}

Test(bpf_codes, sent_once_and_before_the_stack)
{
	uint64_t code, task = add_task("/srv/a.py", &code);
	const struct host_record *rec;
	struct event event;

	sleep_in(task, MS);
	cr_assert_eq(count_records(LS_REC_CODE), 0, "a short step");
	sleep_in(task, 20 * MS);
	cr_assert_eq(count_records(LS_REC_CODE), 1, "%zu", count_records(LS_REC_CODE));
	sleep_in(task, 20 * MS);
	cr_assert_eq(count_records(LS_REC_CODE), 1, "it is known");
	rec = next_record(LS_REC_CODE);
	cr_assert(rec->is_submitted);
	cr_assert_eq(rec->code.code, code);
	cr_assert_eq(event__decode(&rec->code, rec->code.hdr.len, &event), 0);
	cr_assert_not_null(next_record(LS_REC_STACK));
}

/* It is freed when it has run, which is before the end of the step. */
Test(bpf_codes, of_a_module_while_it_runs)
{
	uint64_t code, task = add_task("/srv/a.py", &code);
	const uint16_t flags = python.proc.py.at.co_flags = 48;

	world__update_proc();
	memory__put(code + flags, 1); /* CO_OPTIMIZED: of a function */
	sleep_in(task, MS);
	cr_assert_eq(count_records(LS_REC_CODE), 0, "a function");
	memory__put(code + flags, 0);
	sleep_in(task, MS);
	sleep_in(task, MS);
	cr_assert_eq(count_records(LS_REC_CODE), 2, "another module may be there each time");
	cr_assert_eq(next_record(LS_REC_CODE)->code.code, code);
}

/* What the kernel side copied of a process is enough for its names when it has gone. */
Test(bpf_codes, names_of_a_process_that_has_gone)
{
	struct target t = { .runtime = &runtime_python };
	struct ls_frame frame = { .position = 0 };
	struct code_info info;
	struct ls_rec_code rec;
	struct resolver r;
	struct symbols *s;
	uint64_t code;

	sleep_in(add_task("/srv/a.py", &code), 20 * MS);
	rec = next_record(LS_REC_CODE)->code;
	t.pid = t.ns_pid = fork();
	if (t.pid == 0)
		_exit(0);
	waitpid(t.pid, NULL, 0);
	t.proc = fake->source.proc;
	t.proc.py.at.minor = 12;
	cr_assert_eq(symbols__new(&s), 0);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	rec.hdr.tgid = (uint32_t)t.pid;
	symbols__keep_code(s, &rec);
	r = symbols__resolver(s);
	cr_assert_eq(r.ops->code(r.ctx, rec.hdr.tgid, code, 0, &info), 0);
	cr_assert_str_eq(info.name, "A.go");
	cr_assert_str_eq(info.file, "/srv/a.py");
	frame.code = code;
	frame.position = code + t.proc.py.at.co_code + 4;
	cr_assert_eq(r.ops->line(r.ctx, rec.hdr.tgid, &frame), 12);
	symbols__free(s);
}

/* A page may be missing when the copy is made, while the process has it when it is asked. */
Test(bpf_codes, what_a_copy_lacks_is_read_from_the_process)
{
	struct target t = { .runtime = &runtime_python, .pid = getpid(), .ns_pid = getpid() };
	struct code_info info;
	struct ls_rec_code rec;
	struct resolver r;
	struct symbols *s;
	uint64_t code;
	void *memory = mmap((void *)BASE, sizeof(fake->bytes), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	cr_assert_eq((uintptr_t)memory, BASE);
	sleep_in(add_task("/srv/a.py", &code), 20 * MS);
	memcpy(memory, fake->bytes, sizeof(fake->bytes));
	rec = next_record(LS_REC_CODE)->code;
	for (size_t i = 0; i < LS_CODE_PIECES; i++)
		if (memmem(rec.bytes + rec.pieces[i].at, rec.pieces[i].n_bytes, "/srv/a.py", 9))
			rec.pieces[i].n_bytes = 0;
	t.proc = fake->source.proc;
	t.proc.py.at.minor = 12;
	cr_assert_eq(symbols__new(&s), 0);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	rec.hdr.tgid = (uint32_t)t.pid;
	symbols__keep_code(s, &rec);
	r = symbols__resolver(s);
	cr_assert_eq(r.ops->code(r.ctx, rec.hdr.tgid, code, 0, &info), 0);
	cr_assert_str_eq(info.name, "A.go");
	cr_assert_str_eq(info.file, "/srv/a.py");
	symbols__free(s);
}

/* A name that does not fit is not known; it is not cut. */
Test(bpf_codes, long_names_are_left_out)
{
	struct target t = { .runtime = &runtime_python, .pid = 0x40000000 };
	struct code_info info;
	char path[400] = "/";
	struct ls_rec_code rec;
	struct resolver r;
	struct symbols *s;
	uint64_t code;

	memset(path + 1, 'p', sizeof(path) - 2);
	sleep_in(add_task(path, &code), 20 * MS);
	rec = next_record(LS_REC_CODE)->code;
	t.proc = fake->source.proc;
	cr_assert_eq(symbols__new(&s), 0);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	rec.hdr.tgid = (uint32_t)t.pid;
	symbols__keep_code(s, &rec);
	r = symbols__resolver(s);
	cr_assert_eq(r.ops->code(r.ctx, rec.hdr.tgid, code, 0, &info), 0);
	cr_assert_str_eq(info.name, "A.go");
	cr_assert_str_eq(info.file, "?");
	symbols__free(s);
}

Test(bpf_codes, what_cannot_be_read_is_not_sent)
{
	uint64_t task = world__add_task("work", 0xdead000000);

	sleep_in(task, 20 * MS);
	cr_assert_eq(count_records(LS_REC_CODE), 0);
	take_stall();
}

/* It is sent with the next stall then. */
Test(bpf_codes, a_full_ring_is_counted)
{
	uint64_t code, task = add_task("/srv/a.py", &code);

	machine.faults.ring_full = true;
	sleep_in(task, 20 * MS);
	machine.faults.ring_full = false;
	cr_assert_gt(machine__loss(LS_LOSS_RING_CODE), 0);
	sleep_in(task, 20 * MS);
	cr_assert_eq(count_records(LS_REC_CODE), 1);
}

/* A program may make new functions without end. */
Test(bpf_codes, has_a_rate_limit)
{
	enum { STALLS = 200, FRAMES = 16 };
	const uint64_t codes = 0x7f0200000000;

	for (uint64_t at = 0; at < (STALLS * FRAMES + 32) * 8; at += 8)
		memory__put(codes + at, codes);
	for (uint64_t i = 0; i < STALLS; i++) {
		uint64_t frame = py__coro_frame(world.coro, 0x30, world.loop_frame);

		for (uint64_t j = 0; j < FRAMES; j++)
			frame = py__frame(codes + (i * FRAMES + j) * 8, 0x30, frame);
		step_enter(world.task, 0x1000);
		py__set_top(world.tstate, frame);
		blocked(SYS_clock_nanosleep, 0, 11 * MS);
		step_exit(0x1000);
	}
	cr_assert_gt(count_records(LS_REC_CODE), 500);
	cr_assert_leq(count_records(LS_REC_CODE), 500 + STALLS * 11);
}
