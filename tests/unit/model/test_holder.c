/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who held the GIL, or a lock: the stack that is shown, what is refused, the table by line.
 */
#include "model/holder.h"
#include "model/reading.h"

#define LIBRARY_CODE READ_READY /* a file of the standard library */
#define NO_CODE 0xbad

static struct ls_rec_stall gil_stall(const struct script *s, uint64_t span, const char *name)
{
	struct ls_rec_stall rec = script_stall(s, span, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_GIL, 40 * MS);
	rec.gil_holder_tstate = 0x9000;
	rec.gil_holder_id = 777;
	rec.starved_ns = 3 * MS;
	snprintf(rec.gil_holder_name, sizeof(rec.gil_holder_name), "%s", name);
	return rec;
}

static void send_holder(struct script *s, uint64_t span, const struct ls_frame *frames, size_t n)
{
	struct ls_rec_stack rec = script_stack(s, span, LS_CAUSE_GIL, 40 * MS);

	rec.flags = LS_STACK_HOLDER;
	for (size_t i = 0; i < n; i++)
		script_frame(&rec, frames[i].code, frames[i].position);
	script_send_stack(s, &rec);
}

#define SEND_HOLDER(s, span, ...)                                                                  \
	send_holder((s), (span), (const struct ls_frame[]){ __VA_ARGS__ },                         \
		    sizeof((const struct ls_frame[]){ __VA_ARGS__ }) / sizeof(struct ls_frame))

static const struct model_holder *send_stall(struct script *s, uint64_t span, const char *name)
{
	struct ls_rec_stall rec = gil_stall(s, span, name);

	script_send_stall(s, &rec);
	return &s->stall.gil_holder;
}

Test(holder, has_a_name_and_a_stack)
{
	struct script *s = script_new();
	const struct model_holder *h;

	script_at(s, 1, LS_CAUSE_GIL, 10 * MS, FETCH_ROW, 31);
	SEND_HOLDER(s, 1, { LIBRARY_CODE, 910 }, { RENDER, 88 }, { MAIN_MODULE, 3 });
	h = send_stall(s, 1, "asyncio_0");
	cr_assert_eq(h->tid, 777);
	cr_assert_str_eq(h->name, "asyncio_0");
	cr_assert_eq(h->n_frames, 3);
	cr_assert_eq(h->stack[0].line, 910);
	cr_assert_str_eq(holder__own_frame(h, s->stall.words)->function, "render");
	cr_assert_str_eq(s->stall.call.function, "fetch_row", "a holder's is no place of the loop");
	script_free(s);
}

Test(holder, alone_is_no_stack_of_the_loop)
{
	struct script *s = script_new();

	SEND_HOLDER(s, 1, { RENDER, 88 });
	send_stall(s, 1, "");
	cr_assert_eq(s->stall.gil_holder.n_frames, 1);
	cr_assert_eq(s->stall.n_frames, 0);
	cr_assert_null(s->stall.call.function);
	script_free(s);
}

/* Frames that are not written yet lie at the inner end; anything else is a torn stack. */
Test(holder, torn_stacks)
{
	struct script *s = script_new();
	const struct model_holder *h;

	SEND_HOLDER(s, 1, { NO_CODE, 1 }, { NO_CODE, 2 }, { RENDER, 88 }, { MAIN_MODULE, 3 });
	h = send_stall(s, 1, "a");
	cr_assert_eq(h->n_frames, 2);
	cr_assert_str_eq(h->stack[0].function, "render");
	SEND_HOLDER(s, 2, { NO_CODE, 1 }, { NO_CODE, 2 }, { NO_CODE, 3 }, { RENDER, 88 });
	cr_assert_eq(send_stall(s, 2, "a")->n_frames, 0);
	SEND_HOLDER(s, 3, { RENDER, 88 }, { NO_CODE, 3 });
	h = send_stall(s, 3, "a");
	cr_assert_eq(h->n_frames, 0);
	cr_assert_eq(h->tid, 777, "the thread is known nevertheless");
	cr_assert_str_eq(h->name, "a");
	script_free(s);
}

Test(holder, is_none_where_nothing_waited)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = gil_stall(s, 1, "a");

	rec.cause_ns[LS_CAUSE_SLEEP] = rec.cause_ns[LS_CAUSE_GIL];
	rec.cause_ns[LS_CAUSE_GIL] = 0;
	SEND_HOLDER(s, 1, { RENDER, 88 });
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.gil_holder.tid, 0);
	cr_assert_eq(s->stall.gil_holder.n_frames, 0);
	cr_assert_eq(reading_snapshot(s)->n_holders, 0);
	script_free(s);
}

Test(holder, table_by_line)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	SEND_HOLDER(s, 1, { LIBRARY_CODE, 910 }, { RENDER, 88 });
	send_stall(s, 1, "asyncio_0");
	SEND_HOLDER(s, 2, { LIBRARY_CODE, 920 }, { RENDER, 88 });
	send_stall(s, 2, "asyncio_1");
	send_stall(s, 3, "native");
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_holders, 2);
	cr_assert_str_eq(snap->holders[0].at.function, "render");
	cr_assert_eq(snap->holders[0].stalls, 2);
	cr_assert_eq(snap->holders[0].waited_ns, 80 * MS);
	cr_assert_eq(snap->holders[0].starved_ns, 6 * MS);
	cr_assert_str_eq(snap->holders[0].name, "asyncio_1");
	cr_assert_null(snap->holders[1].at.file);
	cr_assert_str_eq(snap->holders[1].name, "native");
	model__reset(s->model);
	cr_assert_eq(reading_snapshot(s)->n_holders, 0);
	script_free(s);
}

Test(holder, of_an_open_stall)
{
	const struct ls_frame own[] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	const struct ls_frame held[] = { { RENDER, 88 } };
	struct script *s = script_new();
	struct model_live live = { .stall = gil_stall(s, 1, "asyncio_0"),
				   .cause = LS_CAUSE_GIL,
				   .syscall = LS_NO_SYSCALL,
				   .n_frames = 2,
				   .frames = own,
				   .n_holder_frames = 1,
				   .holder_frames = held };
	const struct stall *row;

	cr_assert_eq(model__live(s->model, &live, 1), 0);
	row = &reading_snapshot(s)->live[0];
	cr_assert_eq(row->gil_holder.tid, 777);
	cr_assert_str_eq(row->gil_holder.name, "asyncio_0");
	cr_assert_str_eq(row->gil_holder.stack[0].function, "render");
	script_free(s);
}

/* A stall that waited for a lock, at this place, and what its holder ran; 0: no stack. */
static const struct stall *lock_stall(struct script *s, uint64_t span, uint64_t code,
				      enum ls_lock_known known, uint64_t holder_code)
{
	struct ls_rec_stall rec = script_stall(s, span, LS_UNIT_STEP);
	struct ls_rec_stack stack = script_stack(s, span, LS_CAUSE_LOCK, 40 * MS);

	script_at(s, span, LS_CAUSE_LOCK, 40 * MS, code, 31);
	stack.flags = LS_STACK_HOLDER;
	script_frame(&stack, holder_code, 88);
	if (holder_code)
		script_send_stack(s, &stack);
	script_time(&rec, LS_CAUSE_LOCK, 40 * MS);
	rec.lock_holder_tstate = 0x9000;
	rec.lock_holder_id = 777;
	rec.lock_known = known;
	rec.starved_ns = 3 * MS;
	strcpy(rec.lock_holder_name, "keeper");
	script_send_stall(s, &rec);
	return &s->stall;
}

Test(holder, of_a_lock)
{
	struct script *s = script_new();
	const struct stall *stall = lock_stall(s, 1, FETCH_ROW, LS_LOCK_OWNER, RENDER);
	const struct snapshot *snap;

	cr_assert_eq(stall->lock_holder.tid, 777);
	cr_assert_str_eq(stall->lock_holder.name, "keeper");
	cr_assert_eq(stall->lock_holder.n_frames, 1);
	cr_assert_str_eq(stall->lock_holder.stack[0].function, "render");
	cr_assert_eq(stall->gil_holder.tid, 0);
	cr_assert_eq(stall->gil_holder.n_frames, 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_holders, 0);
	cr_assert_eq(snap->n_lock_holders, 1);
	cr_assert_eq(snap->lock_holders[0].waited_ns, 40 * MS);
	cr_assert_eq(snap->lock_holders[0].starved_ns, 3 * MS);
	model__reset(s->model);
	cr_assert_eq(reading_snapshot(s)->n_lock_holders, 0);
	script_free(s);
}

/* Of a file: a process, perhaps with the stack of its only thread. */
Test(holder, of_a_lock_of_a_file)
{
	struct script *s = script_new();
	const struct stall *stall = lock_stall(s, 1, FETCH_ROW, LS_LOCK_PROCESS, RENDER);
	const struct snapshot *snap;

	cr_assert(stall->lock_holder.is_process);
	cr_assert_eq(stall->lock_holder.tid, 777);
	cr_assert_str_eq(stall->lock_holder.name, "keeper");
	cr_assert_str_eq(stall->lock_holder.stack[0].function, "render");
	lock_stall(s, 2, FETCH_ROW, LS_LOCK_PROCESS, 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_lock_holders, 2);
	cr_assert(snap->lock_holders[0].is_process);
	cr_assert(snap->lock_holders[1].is_process);
	script_free(s);
}

Test(holder, of_a_lock_of_an_open_stall)
{
	const struct ls_frame own[] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	const struct ls_frame held[] = { { RENDER, 88 } };
	struct script *s = script_new();
	struct model_live live = { .stall = script_stall(s, 1, LS_UNIT_STEP),
				   .cause = LS_CAUSE_LOCK,
				   .syscall = LS_NO_SYSCALL,
				   .n_frames = 2,
				   .frames = own,
				   .n_holder_frames = 1,
				   .holder_frames = held };
	const struct stall *row;

	script_time(&live.stall, LS_CAUSE_LOCK, 40 * MS);
	live.stall.lock_holder_tstate = 0x9000;
	live.stall.lock_holder_id = 777;
	live.stall.lock_known = LS_LOCK_OWNER;
	cr_assert_eq(model__live(s->model, &live, 1), 0);
	row = &reading_snapshot(s)->live[0];
	cr_assert_eq(row->lock_holder.tid, 777);
	cr_assert_str_eq(row->lock_holder.stack[0].function, "render");
	cr_assert_eq(row->gil_holder.n_frames, 0);
	script_free(s);
}

/* Who notifies has held nothing; the lock of a condition itself has an owner. */
Test(holder, of_a_lock_that_is_a_notification)
{
	struct script *s = script_new();
	const struct stall *stall;

	stall = lock_stall(s, 1, CONDITION_WAIT, LS_LOCK_RELEASED, 0);
	cr_expect_eq(stall->lock_holder.tid, 0);
	cr_expect_eq(stall->lock_known, LS_LOCK_NOTIFIED);
	stall = lock_stall(s, 2, FETCH_ROW, LS_LOCK_RELEASED, CONDITION_NOTIFY);
	cr_expect_eq(stall->lock_holder.tid, 0);
	cr_expect_eq(stall->lock_known, LS_LOCK_NOTIFIED);
	cr_expect_eq(reading_snapshot(s)->n_lock_holders, 0);
	cr_expect_eq(stall->sign, SIGN_NOTIFIED, "what to do about it is another matter");
	/* Nor need the beginning of the wait have been seen. */
	stall = lock_stall(s, 4, CONDITION_WAIT, LS_LOCK_NOT_SEEN, 0);
	cr_expect_eq(stall->lock_known, LS_LOCK_NOTIFIED);
	stall = lock_stall(s, 5, FETCH_ROW, LS_LOCK_NOT_SEEN, 0);
	cr_expect_eq(stall->sign, SIGN_NONE);
	stall = lock_stall(s, 3, CONDITION_WAIT, LS_LOCK_OWNER, RENDER);
	cr_expect_eq(stall->lock_holder.tid, 777);
	script_free(s);
}
