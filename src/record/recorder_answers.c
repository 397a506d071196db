/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording resolver. It writes an answer when it is given for the first time, and again when
 * it has changed: names become known, addresses are reused. Within one input the same question gets
 * the same answer, because that is what a replay returns.
 */
#include "record/recorder_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_answer(const struct answer *a, const struct answer *b)
{
	return a->number == b->number && a->is_failed == b->is_failed &&
		is_same_text(a->text, b->text) && is_same_text(a->file, b->file);
}

static void put_answer(struct recorder *rec, struct answer *answer)
{
	struct buffer *b = &rec->out.raw;
	const struct answer_key key = answer->key;

	buffer__varint(b, FORMAT_ANSWER);
	fields__put(b, FIELDS_ANSWER, answer, &rec->known->answer);
	rec->known->answer = *answer;
	recorder__put_name(rec, answer->text);
	if (key.kind == ANSWER_CODE)
		recorder__put_name(rec, answer->file);
	answer->epoch = rec->files;
}

static void ask_inner(struct recorder *rec, struct answer *a)
{
	const struct resolver *in = &rec->inner;
	const struct ls_frame frame = { .code = a->key.a, .position = a->key.b };
	struct code_info info = {};

	switch ((enum answer_kind)a->key.kind) {
	case ANSWER_CODE:
		a->is_failed = in->ops->code(in->ctx, a->key.pid, a->key.a, a->key.b, &info) != 0;
		a->text = info.name;
		a->file = info.file;
		a->number = info.first_line;
		break;
	case ANSWER_LINE:
		a->number = in->ops->line(in->ctx, a->key.pid, &frame);
		break;
	case ANSWER_NATIVE:
		a->text = in->ops->native(in->ctx, a->key.pid, a->key.a);
		break;
	case ANSWER_SYSCALL:
		a->text = in->ops->syscall(in->ctx, (uint16_t)a->key.a);
		break;
	case ANSWER_THREAD:
		a->number = in->ops->thread(in->ctx, a->key.pid, a->key.a, a->key.b);
		break;
	case ANSWER_FILE_LINES:
		if (in->ops->file_lines)
			a->number = in->ops->file_lines(in->ctx, a->key.pid, a->key.a);
		break;
	case ANSWER_AWAITED:
		a->number =
			in->ops->is_awaited && in->ops->is_awaited(in->ctx, a->key.pid, a->key.a);
		break;
	case ANSWER_SOURCE:
		a->text = in->ops->source(in->ctx, a->key.pid, a->key.a, (uint32_t)a->key.b);
		break;
	case ANSWER_COLLECTS:
		a->number = in->ops->collects &&
			in->ops->collects(in->ctx, a->key.pid, a->key.a, (uint32_t)a->key.b);
		break;
	case ANSWER_MAX:
		break;
	}
}

/*
 * Adds the answer to a new question. When the table is full, it starts empty and answers are
 * written again as they are given.
 */
static struct answer *add_answer(struct recorder *rec, const struct answer_key *key)
{
	if (answers__count(rec->answers) == FORMAT_MAX_ANSWERS) {
		answers__forget(rec->answers);
		buffer__varint(&rec->out.raw, FORMAT_FORGET);
	}
	return answers__add(rec->answers, key);
}

static void keep_answer(struct recorder *rec, struct answer *kept, const struct answer *fresh)
{
	const bool is_told = kept && kept->epoch == rec->files && is_same_answer(kept, fresh);
	const uint32_t epoch = kept ? kept->epoch : 0;

	if (!kept)
		kept = add_answer(rec, &fresh->key);
	if (!kept) {
		rec->error = -ENOMEM;
		return;
	}
	*kept = *fresh;
	kept->epoch = epoch;
	if (is_told)
		return;
	put_answer(rec, kept);
	rec->error = recorder__breathe(rec);
}

static void ask(struct recorder *rec, const struct answer_key *key, struct answer *ret_answer)
{
	struct answer *kept = answers__find(rec->answers, key);

	rec->is_asked = true;
	if (kept && kept->asked == rec->question) {
		*ret_answer = *kept;
		return;
	}
	*ret_answer = (struct answer){ .key = *key, .asked = rec->question };
	ask_inner(rec, ret_answer);
	if (rec->error >= 0)
		keep_answer(rec, kept, ret_answer);
}

int recorder__retell_answers(struct recorder *rec)
{
	struct answer *a = NULL;
	int r = 0;

	while (r >= 0 && (a = answers__next(rec->answers, a))) {
		put_answer(rec, a);
		r = recorder__breathe(rec);
	}
	return r;
}

static int ask_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
		    struct code_info *ret)
{
	const struct answer_key key = { ANSWER_CODE, pid, code, qualname };
	struct answer a;

	ask(ctx, &key, &a);
	*ret = (struct code_info){ .name = a.text, .file = a.file, .first_line = a.number };
	return a.is_failed ? -ENOENT : 0;
}

static uint32_t ask_file_lines(void *ctx, uint32_t pid, uint64_t code)
{
	const struct answer_key key = { ANSWER_FILE_LINES, pid, code, 0 };
	struct answer a;

	ask(ctx, &key, &a);
	return a.number;
}

static uint32_t ask_line(void *ctx, uint32_t pid, const struct ls_frame *frame)
{
	const struct answer_key key = { ANSWER_LINE, pid, frame->code, frame->position };
	struct answer a;

	ask(ctx, &key, &a);
	return a.number;
}

static const char *ask_native(void *ctx, uint32_t pid, uint64_t ip)
{
	const struct answer_key key = { ANSWER_NATIVE, pid, ip, 0 };
	struct answer a;

	ask(ctx, &key, &a);
	return a.text;
}

static const char *ask_syscall(void *ctx, uint16_t number)
{
	const struct answer_key key = { ANSWER_SYSCALL, 0, number, 0 };
	struct answer a;

	ask(ctx, &key, &a);
	return a.text;
}

static uint32_t ask_thread(void *ctx, uint32_t pid, uint64_t tstate, uint64_t id)
{
	const struct answer_key key = { ANSWER_THREAD, pid, tstate, id };
	struct answer a;

	ask(ctx, &key, &a);
	return a.number;
}

static bool ask_awaited(void *ctx, uint32_t pid, uint64_t code)
{
	const struct answer_key key = { ANSWER_AWAITED, pid, code, 0 };
	struct answer a;

	ask(ctx, &key, &a);
	return a.number;
}

/* Without sources there is no question. */
static const char *ask_source(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	const struct answer_key key = { ANSWER_SOURCE, pid, code, line };
	const struct recorder *rec = ctx;
	struct answer a;

	if (!rec->inner.ops->source)
		return NULL;
	ask(ctx, &key, &a);
	return a.text;
}

static bool ask_collects(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	const struct answer_key key = { ANSWER_COLLECTS, pid, code, line };
	struct answer a;

	ask(ctx, &key, &a);
	return a.number;
}

/* No answer to keep: the metadata name the runtime of each process. */
static const struct runtime_words *ask_words(void *ctx, uint32_t pid)
{
	const struct recorder *rec = ctx;

	return resolver__words(&rec->inner, pid);
}

struct resolver recorder__resolver(struct recorder *rec)
{
	static const struct resolver_ops ops = {
		.code = ask_code,
		.file_lines = ask_file_lines,
		.line = ask_line,
		.native = ask_native,
		.syscall = ask_syscall,
		.thread = ask_thread,
		.is_awaited = ask_awaited,
		.source = ask_source,
		.collects = ask_collects,
		.words = ask_words,
	};

	return (struct resolver){ .ops = &ops, .ctx = rec };
}
