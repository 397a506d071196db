/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One table by cause and system call. A Python name is used only where nothing else can be meant; a
 * C extension that calls fsync is not os.fsync.
 */
#include "report/wording.h"

#include <string.h>

static const struct call_words {
	enum ls_cause cause;
	const char *syscall; /* NULL: any */
	const char *words;
} call_words[] = {
	{ LS_CAUSE_SLEEP, "clock_nanosleep", "time.sleep" },
	{ LS_CAUSE_NETWORK, "accept", "socket accept" },
	{ LS_CAUSE_NETWORK, "accept4", "socket accept" },
	{ LS_CAUSE_NETWORK, "connect", "socket connect" },
	{ LS_CAUSE_NETWORK, "recvfrom", "socket recv" },
	{ LS_CAUSE_NETWORK, "recvmsg", "socket recv" },
	{ LS_CAUSE_NETWORK, "read", "socket read" },
	{ LS_CAUSE_NETWORK, "sendto", "socket send" },
	{ LS_CAUSE_NETWORK, "sendmsg", "socket send" },
	{ LS_CAUSE_NETWORK, "write", "socket write" },
	{ LS_CAUSE_FILE, "read", "file read" },
	{ LS_CAUSE_FILE, "pread64", "file read" },
	{ LS_CAUSE_FILE, "write", "file write" },
	{ LS_CAUSE_FILE, "pwrite64", "file write" },
	{ LS_CAUSE_PIPE, "read", "pipe read" },
	{ LS_CAUSE_PIPE, "write", "pipe write" },
	{ LS_CAUSE_PROCESS, "wait4", "wait for a child process" },
	{ LS_CAUSE_PROCESS, "waitid", "wait for a child process" },
	{ LS_CAUSE_PROCESS, "vfork", "start of a child process" },
	{ LS_CAUSE_PROCESS, "clone", "start of a child process" },
	{ LS_CAUSE_PROCESS, "clone3", "start of a child process" },
	{ LS_CAUSE_LOCK, "futex", "lock" },
	{ LS_CAUSE_GIL, NULL, "GIL" },
	{ LS_CAUSE_DNS, NULL, "getaddrinfo" },
	{ LS_CAUSE_PAGEFAULT, NULL, "page fault" },
};

const char *wording_call(const struct stall *stall)
{
	const char *colon;
	size_t i;

	for (i = 0; i < sizeof(call_words) / sizeof(call_words[0]); i++) {
		const struct call_words *w = &call_words[i];

		if (w->cause == stall->cause &&
		    (!w->syscall || (stall->call_syscall && !strcmp(w->syscall, stall->call_syscall))))
			return w->words;
	}
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
