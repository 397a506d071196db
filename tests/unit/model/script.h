/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripted events for the tests of the model: short ways to write records, sent through the decoder
 * as live ones are, and a resolver that knows a handful of functions. In this world a frame's
 * position is its line.
 */
#ifndef TESTS_MODEL_SCRIPT_H
#define TESTS_MODEL_SCRIPT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "model/model.h"

#define PID 4242
#define TID 4243
#define MS 1000000ULL

enum script_code {
	HANDLER = 0x1000,
	FETCH_ROW = 0x2000,
	RENDER = 0x3000,
	TICK = 0x4000,
	CONNECTION_LOST = 0x5000,
	HANDLE_RUN = 0x10000,
	RUN_ONCE = 0x11000,
	RUN_FOREVER = 0x12000,
	RUN_UNTIL_COMPLETE = 0x13000,
	RUNNER_RUN = 0x14000,
	SELECT = 0x15000,
	READ_READY = 0x16000,
	CONDITION_WAIT = 0x1a000,
	CONDITION_NOTIFY = 0x1b000,
	MAIN_MODULE = 0x17000,
	SAME_HANDLER = 0x18000, /* HANDLER as another process has it */
	LOOKALIKE_RUN = 0x19000,
	SESSION_DEL = 0x1c000,
	GENERATOR_RUN = 0x1e000, /* tornado's machinery */
	RUN_CALLBACK = 0x1f000,
	TIME_SLEEP = 0x1d000 | LS_CODE_C_FUNCTION,
};

static const struct {
	uint64_t code;
	struct code_info info;
} script_codes[] = {
	{ HANDLER, { "handler", "/srv/app/web.py", 10 } },
	{ SAME_HANDLER, { "handler", "/srv/app/web.py", 10 } },
	{ FETCH_ROW, { "fetch_row", "/srv/app/db.py", 30 } },
	{ RENDER, { "render", "/srv/app/views.py", 80 } },
	{ TICK, { "tick", "/srv/app/clock.py", 5 } },
	{ CONNECTION_LOST, { "Proto.connection_lost", "/srv/app/proto.py", 50 } },
	{ HANDLE_RUN, { "Handle._run", "/usr/lib/python3.11/asyncio/events.py", 78 } },
	{ RUN_ONCE,
	  { "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1845 } },
	{ RUN_FOREVER, { "run_forever", "/usr/lib/python3.9/asyncio/base_events.py", 590 } },
	{ RUN_UNTIL_COMPLETE,
	  { "BaseEventLoop.run_until_complete", "/usr/lib/python3.11/asyncio/base_events.py",
	    620 } },
	{ RUNNER_RUN, { "Runner.run", "/usr/lib/python3.11/asyncio/runners.py", 86 } },
	{ SELECT, { "EpollSelector.select", "/usr/lib/python3.11/selectors.py", 450 } },
	{ CONDITION_WAIT, { "Condition.wait", "/usr/lib/python3.11/threading.py", 288 } },
	{ CONDITION_NOTIFY, { "Condition.notify", "/usr/lib/python3.11/threading.py", 359 } },
	{ READ_READY,
	  { "_SelectorSocketTransport._read_ready",
	    "/usr/lib/python3.11/asyncio/selector_events.py", 900 } },
	{ MAIN_MODULE, { "<module>", "/srv/app/main.py", 1 } },
	{ SESSION_DEL, { "Session.__del__", "/srv/app/db.py", 60 } },
	{ GENERATOR_RUN, { "Runner.run", "/usr/lib/python3/dist-packages/tornado/gen.py", 756 } },
	{ RUN_CALLBACK,
	  { "IOLoop._run_callback", "/usr/lib/python3/dist-packages/tornado/ioloop.py", 732 } },
	{ TIME_SLEEP, { "time.sleep", "<built-in>", 0 } },
	{ LOOKALIKE_RUN, { "_run", "/srv/myasyncio/events.py", 7 } },
};

static inline int script_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
			      struct code_info *ret)
{
	size_t i;

	(void)ctx;
	(void)pid;
	for (i = 0; i < sizeof(script_codes) / sizeof(script_codes[0]); i++) {
		if (script_codes[i].code != code)
			continue;
		*ret = script_codes[i].info;
		if (qualname)
			ret->name = "Qualified.name";
		return 0;
	}
	return -EFAULT;
}

static inline uint32_t script_line(void *ctx, uint32_t pid, const struct ls_frame *frame)
{
	(void)ctx;
	(void)pid;
	return (uint32_t)frame->position;
}

static inline const char *script_native(void *ctx, uint32_t pid, uint64_t ip)
{
	(void)ctx;
	(void)pid;
	return ip == 0x7f00  ? "libc.so.6:clock_nanosleep" :
		ip == 0x7f01 ? "libsqlite3.so.0:sqlite3_step" :
			       NULL;
}

static inline const char *script_syscall(void *ctx, uint16_t number)
{
	(void)ctx;
	return number == 230 ? "clock_nanosleep" : number == 45 ? "recvfrom" : NULL;
}

static inline uint32_t script_thread(void *ctx, uint32_t pid, uint64_t tstate, uint64_t id)
{
	(void)ctx;
	(void)pid;
	return tstate ? (uint32_t)id : 0;
}

static const struct resolver_ops script_ops = {
	.code = script_code,
	.line = script_line,
	.native = script_native,
	.syscall = script_syscall,
	.thread = script_thread,
};

/* A model that keeps the last stall it told. */
struct script {
	struct model *model;
	size_t n_stalls;
	struct stall stall;
	int on_stall_returns;
	uint64_t now_ns;
};

static inline int script_on_stall(void *ctx, const struct stall *stall)
{
	struct script *s = ctx;

	s->n_stalls++;
	s->stall = *stall;
	return s->on_stall_returns;
}

static inline struct script *script_new(void)
{
	const struct resolver resolver = { &script_ops, NULL };
	struct script *s = calloc(1, sizeof(*s));

	cr_assert_not_null(s);
	s->now_ns = 1000 * MS;
	cr_assert_eq(model__new(&s->model, &resolver, script_on_stall, s), 0);
	return s;
}

static inline void script_free(struct script *s)
{
	model__free(s->model);
	free(s);
}

static inline struct ls_rec_hdr script_header(const struct script *s, uint16_t kind, size_t len)
{
	return (struct ls_rec_hdr){
		.kind = kind, .len = (uint16_t)len, .ts_ns = s->now_ns, .tgid = PID, .tid = TID
	};
}

static inline int script_send(struct script *s, const void *record, size_t size)
{
	struct event event;

	cr_assert_eq(event__decode(record, size, &event), 0, "the decoder refuses the record");
	return model__event(s->model, &event);
}

/* A stack record to fill in further. */
static inline struct ls_rec_stack script_stack(const struct script *s, uint64_t span,
					       enum ls_cause cause, uint64_t weight_ns)
{
	struct ls_rec_stack rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_STACK, offsetof(struct ls_rec_stack, frames));
	rec.span = span;
	rec.cause = (uint16_t)cause;
	rec.weight_ns = weight_ns;
	rec.count = 1;
	rec.syscall = LS_NO_SYSCALL;
	rec.flags = LS_STACK_AT_CORO;
	return rec;
}

static inline void script_frame(struct ls_rec_stack *rec, uint64_t code, uint64_t line)
{
	rec->frames[rec->n_frames++] = (struct ls_frame){ code, line };
	rec->hdr.len += sizeof(struct ls_frame);
}

static inline void script_send_stack(struct script *s, const struct ls_rec_stack *rec)
{
	cr_assert_eq(script_send(s, rec, rec->hdr.len), 0);
}

/* Native frames inside a stack: one with a name, one without. */
static inline struct ls_rec_native script_native_stack(const struct script *s,
						       const struct ls_rec_stack *stack)
{
	struct ls_rec_native rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_NATIVE, offsetof(struct ls_rec_native, ips) + 16);
	rec.place.span = stack->span;
	rec.place.frame = stack->frames[0];
	rec.place.cause = stack->cause;
	rec.n_ips = 2;
	rec.ips[0] = 0x7f00;
	rec.ips[1] = 0x7f80;
	return rec;
}

/* One stack of two frames: the place, called by HANDLER at line 14. */
static inline void script_at(struct script *s, uint64_t span, enum ls_cause cause,
			     uint64_t weight_ns, uint64_t code, uint64_t line)
{
	struct ls_rec_stack rec = script_stack(s, span, cause, weight_ns);

	script_frame(&rec, code, line);
	script_frame(&rec, HANDLER, 14);
	script_send_stack(s, &rec);
}

static inline struct ls_pystr script_pystr(const char *text)
{
	struct ls_pystr str = { .kind = 1, .ascii = 1 };

	str.length = (uint32_t)strlen(text);
	str.copied = (uint16_t)strlen(text);
	memcpy(str.data, text, strlen(text));
	return str;
}

/* A stall record without any time in it yet. */
static inline struct ls_rec_stall script_stall(const struct script *s, uint64_t span,
					       enum ls_unit unit)
{
	struct ls_rec_stall rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_STALL, sizeof(rec));
	rec.span = span;
	rec.unit = unit;
	rec.name.kind = 0xff;
	if (unit == LS_UNIT_STEP) {
		rec.task = 0x7f0000001000;
		rec.code = HANDLER;
		rec.name = script_pystr("Task-7");
	}
	return rec;
}

static inline void script_time(struct ls_rec_stall *rec, enum ls_cause cause, uint64_t ns)
{
	rec->cause_ns[cause] += ns;
	rec->duration_ns += ns;
	rec->start_ns = rec->hdr.ts_ns - rec->duration_ns;
}

static inline void script_send_stall(struct script *s, const struct ls_rec_stall *rec)
{
	cr_assert_eq(script_send(s, rec, sizeof(*rec)), 0);
}

/* A step of 50 ms that went into one cause. */
static inline void script_end(struct script *s, uint64_t span, enum ls_cause cause)
{
	struct ls_rec_stall rec = script_stall(s, span, LS_UNIT_STEP);

	script_time(&rec, cause, 50 * MS);
	script_send_stall(s, &rec);
}

#endif
