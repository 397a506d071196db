/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code of an interpreter shaped like CPython's as far as coroutines go: an evaluation function,
 * one that resumes a coroutine with it, the ways that lead there from `await` and from loops over
 * generators. Included by the fixtures, which differ in what is behind coroutine.send() and
 * .throw().
 */
#ifndef FAKE_CORE_H
#define FAKE_CORE_H

#include <stddef.h>
#include <stdint.h>

/* Neither inlined nor given another shape for what is known of its callers. */
#ifdef __clang__
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noipa))
#endif

struct method_def {
	const char *name;
	void *function;
	int flags;
	const char *doc;
};

struct type_object {
	uint64_t head[10];
	void **as_async; /* 80 */
	uint64_t gap[17];
	void *iternext; /* 224 */
	struct method_def *methods; /* 232 */
	uint64_t rest[20];
};

_Static_assert(offsetof(struct type_object, iternext) == 224, "tp_iternext");
_Static_assert(offsetof(struct type_object, methods) == 232, "tp_methods");

void *fake_thread(void);
void *fake_fail(void *coro);
void *fake_opcode(void *thread, void *frame, int throws);

void *_PyEval_EvalFrameDefault(void *thread, void *frame, int throws);
OPAQUE void *_PyEval_EvalFrameDefault(void *thread, void *frame, int throws)
{
	void *result = fake_opcode(thread, frame, throws);

	return result ? result : fake_fail(frame);
}

/* gen_send_ex2(): behind everything that resumes. */
static OPAQUE int resume(void **coro, void *value, void **ret_result, int throws)
{
	void *result;

	coro[2] = value;
	result = _PyEval_EvalFrameDefault(fake_thread(), coro + 9, throws);
	if (!result) {
		fake_fail(coro);
		return -1;
	}
	*ret_result = result;
	return 1;
}

/* am_send: behind each `await`. */
static OPAQUE int await_coroutine(void **coro, void *value, void **ret_result)
{
	int r = resume(coro, value, ret_result, 0);

	if (r < 0)
		fake_fail(coro);
	return r;
}

/* tp_iternext: behind each turn of a loop over a generator. */
static OPAQUE void *next_item(void **gen)
{
	void *result = NULL;

	if (resume(gen, NULL, &result, 0) < 0)
		return fake_fail(gen);
	return result;
}

static OPAQUE void *close_coroutine(void **coro)
{
	return coro[3];
}

#define FAKE_TYPES(send, throw)                                                                    \
	static void *async_methods[] = { NULL, NULL, NULL, (void *)await_coroutine };              \
	static struct method_def methods[] = {                                                     \
		{ "close", (void *)close_coroutine, 4, NULL },                                     \
		{ "send", (void *)(send), 8, NULL },                                               \
		{ "throw", (void *)(throw), 128, NULL },                                           \
		{ NULL, NULL, 0, NULL },                                                           \
	};                                                                                         \
	struct type_object PyCoro_Type = { .as_async = async_methods, .methods = methods };        \
	struct type_object PyGen_Type = { .iternext = (void *)next_item }

#endif
