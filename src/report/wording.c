/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See wording.h. The words of the calls are the vocabulary's.
 */
#include "report/wording.h"

#include <string.h>

const char *wording_call(const struct stall *stall)
{
	const char *words = vocabulary_call(stall->cause, stall->call_syscall, VOCABULARY_LONG);
	const char *colon;

	if (words)
		return words;
	if (stall->call_syscall)
		return stall->call_syscall;
	colon = stall->call_native ? strrchr(stall->call_native, ':') : NULL;
	return colon ? colon + 1 : stall->call_native;
}

static bool is_library(const char *file)
{
	static const char *const marks[] = { "/lib/python3", "/site-packages/", "/dist-packages/" };
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(file, marks[i]))
			return true;
	return file[0] == '<'; /* "<frozen importlib._bootstrap>" */
}

const struct model_frame *wording_own_frame(const struct stall *stall)
{
	size_t i;

	if (!stall->call.file || !is_library(stall->call.file))
		return NULL;
	for (i = 0; i < stall->n_frames; i++)
		if (!is_library(stall->stack[i].file))
			return &stall->stack[i];
	return NULL;
}
