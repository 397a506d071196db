/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of causes is the contract's own (loopstall/cause.h); that of calls is by cause and system call. A Python name
 * is used only where nothing else can be meant; a C extension that calls fsync is not os.fsync.
 */
#include "model/vocabulary.h"

#include <string.h>

/* First match that has the form wins. */
static const struct {
	enum ls_cause cause;
	const char *syscall; /* NULL: any */
	const char *words[VOCABULARY_FORMS]; /* long, short; NULL: none in this form */
} calls[] = {
	{ LS_CAUSE_SLEEP, "clock_nanosleep", { "time.sleep", "time.sleep" } },
	{ LS_CAUSE_NETWORK, "accept", { "socket accept", "socket accept" } },
	{ LS_CAUSE_NETWORK, "accept4", { "socket accept", "socket accept" } },
	{ LS_CAUSE_NETWORK, "connect", { "socket connect", "socket" } },
	{ LS_CAUSE_NETWORK, "recvfrom", { "socket recv", "socket recv" } },
	{ LS_CAUSE_NETWORK, "recvmsg", { "socket recv", "socket recv" } },
	{ LS_CAUSE_NETWORK, "read", { "socket read", "socket" } },
	{ LS_CAUSE_NETWORK, "sendto", { "socket send", "socket send" } },
	{ LS_CAUSE_NETWORK, "sendmsg", { "socket send", "socket send" } },
	{ LS_CAUSE_NETWORK, "write", { "socket write", "socket" } },
	{ LS_CAUSE_NETWORK, NULL, { NULL, "socket" } },
	{ LS_CAUSE_FILE, "read", { "file read", "file read" } },
	{ LS_CAUSE_FILE, "pread64", { "file read", "file read" } },
	{ LS_CAUSE_FILE, "write", { "file write", "file write" } },
	{ LS_CAUSE_FILE, "pwrite64", { "file write", "file write" } },
	{ LS_CAUSE_PIPE, "read", { "pipe read", "pipe read" } },
	{ LS_CAUSE_PIPE, "write", { "pipe write", "pipe write" } },
	{ LS_CAUSE_PROCESS, "wait4", { "wait for a child process", "child process" } },
	{ LS_CAUSE_PROCESS, "waitid", { "wait for a child process", "child process" } },
	{ LS_CAUSE_PROCESS, "vfork", { "start of a child process", "child process" } },
	{ LS_CAUSE_PROCESS, "clone", { "start of a child process", "child process" } },
	{ LS_CAUSE_PROCESS, "clone3", { "start of a child process", "child process" } },
	{ LS_CAUSE_PROCESS, NULL, { NULL, "child process" } },
	{ LS_CAUSE_LOCK, "futex", { "lock", "lock" } },
	{ LS_CAUSE_LOCK, NULL, { NULL, "lock" } },
	{ LS_CAUSE_GIL, NULL, { "GIL", "GIL" } },
	{ LS_CAUSE_DNS, NULL, { "getaddrinfo", "getaddrinfo" } },
	{ LS_CAUSE_PAGEFAULT, NULL, { "page fault", "page fault" } },
	{ LS_CAUSE_RUNQUEUE, NULL, { NULL, "no free CPU" } },
};

const char *vocabulary_unit(enum ls_unit unit)
{
	switch (unit) {
	case LS_UNIT_STEP:
		return "step";
	case LS_UNIT_CALLBACK:
		return "callback";
	case LS_UNIT_TURN:
		return "turn";
	case LS_UNIT_NONE:
		break;
	}
	return "?";
}

const char *vocabulary_cause(enum ls_cause cause)
{
	static const char *const words[] = {
#define _(name, word, sentence) [LS_CAUSE_##name] = word,
		LS_CAUSES(_)
#undef _
	};

	return cause < LS_CAUSE_MAX ? words[cause] : "?";
}

const char *vocabulary_call(enum ls_cause cause, const char *syscall, enum vocabulary_form form)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].cause == cause && calls[i].words[form] &&
		    (!calls[i].syscall || (syscall && !strcmp(calls[i].syscall, syscall))))
			return calls[i].words[form];
	return NULL;
}
