/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resolver of a replay: says what was said when it was recorded.
 */
#include "record/player_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int player__answer(struct player *p)
{
	struct answer *told = &p->told->answer, *kept;

	fields__get(&p->cursor, &p->shape, FIELDS_ANSWER, told);
	told->text = player__name(p);
	told->file = told->key.kind == ANSWER_CODE ? player__name(p) : NULL;
	if (told->key.kind >= ANSWER_MAX)
		p->cursor.is_bad = true;
	if (p->cursor.is_bad)
		return 0;
	kept = answers__find(p->answers, &told->key);
	if (!kept && answers__count(p->answers) == FORMAT_MAX_ANSWERS) {
		p->cursor.is_bad = true;
		return 0;
	}
	if (!kept)
		kept = answers__add(p->answers, &told->key);
	if (!kept)
		return -ENOMEM;
	*kept = *told;
	return 0;
}

static const struct answer *find(void *ctx, enum answer_kind kind, uint32_t pid, uint64_t a,
				 uint64_t b)
{
	static const struct answer none = { .is_failed = 1 };
	const struct answer_key key = { kind, pid, a, b };
	const struct player *p = ctx;
	const struct answer *answer = answers__find(p->answers, &key);

	return answer ? answer : &none;
}

static int replay_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
		       struct code_info *ret)
{
	const struct answer *a = find(ctx, ANSWER_CODE, pid, code, qualname);

	*ret = (struct code_info){ .name = a->text ?: "?",
				   .file = a->file ?: "?",
				   .first_line = a->number };
	return a->is_failed ? -ENOENT : 0;
}

/* Recordings of older versions have no such answer: not known. */
static uint32_t replay_file_lines(void *ctx, uint32_t pid, uint64_t code)
{
	return find(ctx, ANSWER_FILE_LINES, pid, code, 0)->number;
}

static uint32_t replay_line(void *ctx, uint32_t pid, const struct ls_frame *frame)
{
	return find(ctx, ANSWER_LINE, pid, frame->code, frame->position)->number;
}

static const char *replay_native(void *ctx, uint32_t pid, uint64_t ip)
{
	return find(ctx, ANSWER_NATIVE, pid, ip, 0)->text;
}

static const char *replay_syscall(void *ctx, uint16_t number)
{
	return find(ctx, ANSWER_SYSCALL, 0, number, 0)->text;
}

static uint32_t replay_thread(void *ctx, uint32_t pid, uint64_t tstate, uint64_t id)
{
	return find(ctx, ANSWER_THREAD, pid, tstate, id)->number;
}

static bool replay_awaited(void *ctx, uint32_t pid, uint64_t code)
{
	return find(ctx, ANSWER_AWAITED, pid, code, 0)->number;
}

static const char *replay_source(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	return find(ctx, ANSWER_SOURCE, pid, code, line)->text;
}

static bool replay_collects(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	return find(ctx, ANSWER_COLLECTS, pid, code, line)->number;
}

#define KEY_BYTES 48

static const char *target_note(const struct meta *meta, size_t number, const char *what)
{
	char key[KEY_BYTES];

	snprintf(key, sizeof(key), "target.%zu.%s", number, what);
	return meta__get(meta, key);
}

/* Recordings of older versions do not name the runtime. */
static const struct runtime_words *replay_words(void *ctx, uint32_t pid)
{
	const struct player *p = ctx;
	const char *text, *name;

	for (size_t n = 0; (text = target_note(&p->meta, n, "pid")); n++) {
		if (strtoul(text, NULL, 10) != pid)
			continue;
		name = target_note(&p->meta, n, "runtime");
		return name ? runtime_words__find(name) : NULL;
	}
	return NULL;
}

struct resolver player__resolver(struct player *p)
{
	static const struct resolver_ops ops = {
		.code = replay_code,
		.file_lines = replay_file_lines,
		.line = replay_line,
		.native = replay_native,
		.syscall = replay_syscall,
		.thread = replay_thread,
		.is_awaited = replay_awaited,
		.source = replay_source,
		.collects = replay_collects,
		.words = replay_words,
	};

	return (struct resolver){ .ops = &ops, .ctx = p };
}
