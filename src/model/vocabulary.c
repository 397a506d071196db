/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of causes is the contract's own (loopstall/cause.h); that of calls is by cause and
 * system call, after the runtime's own words.
 */
#include "model/vocabulary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "model/stall.h"

/* First match that has the form wins. */
static const struct {
	enum ls_cause cause;
	const char *syscall; /* NULL: any */
	const char *words[VOCABULARY_FORMS]; /* long, short; NULL: none in this form */
} calls[] = {
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
	{ LS_CAUSE_DNS, NULL, { "getaddrinfo", "getaddrinfo" } },
	{ LS_CAUSE_PAGEFAULT, NULL, { "page fault", "page fault" } },
	{ LS_CAUSE_RUNQUEUE, NULL, { NULL, "CPU taken" } },
	{ LS_CAUSE_THROTTLED, NULL, { NULL, "CPU quota" } },
	{ LS_CAUSE_STOPPED, NULL, { NULL, "stopped" } },
	{ LS_CAUSE_GC, NULL, { "garbage collector", "garbage collector" } },
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

const char *vocabulary_end(enum ls_end end)
{
	static const char *const words[LS_END_MAX] = {
		[LS_END_RETURN] = "return", [LS_END_OPEN] = "running", [LS_END_RUNNING] = "running",
		[LS_END_EXIT] = "exit",	    [LS_END_EXEC] = "exec",    [LS_END_SIGNAL] = "signal",
	};

	return (unsigned int)end < LS_END_MAX ? words[end] : "?";
}

const char *vocabulary_await(enum ls_await_state state)
{
	static const char *const words[LS_AWAIT_MAX] = {
		[LS_AWAIT_SUSPENDED] = "suspended", [LS_AWAIT_BEGAN] = "began",
		[LS_AWAIT_RETURNED] = "returned",   [LS_AWAIT_RAISED] = "raised",
		[LS_AWAIT_CANCELLED] = "cancelled",
	};

	return (unsigned int)state < LS_AWAIT_MAX ? words[state] : NULL;
}

const char *vocabulary_cause(enum ls_cause cause)
{
	static const char *const words[] = {
#define _(name, word, ...) [LS_CAUSE_##name] = word,
		LS_CAUSES(_)
#undef _
	};

	return cause < LS_CAUSE_MAX ? words[cause] : "?";
}

const char *vocabulary_call(const struct runtime_words *words, enum ls_cause cause, enum sign sign,
			    const char *syscall, enum vocabulary_form form)
{
	const struct runtime_words *w = runtime_words__or_default(words);
	const char *own = w->call ? w->call(cause, syscall) : NULL;

	if (sign == SIGN_NESTED_LOOP)
		return form == VOCABULARY_LONG ? "wait of another loop" : "nested loop";
	if (sign == SIGN_FILE_LOCK)
		return form == VOCABULARY_LONG ? "wait for the lock of a file" : "file lock";
	if (sign == SIGN_NOTIFIED)
		return form == VOCABULARY_LONG ? "wait for another thread" : "other thread";
	if (sign == SIGN_OPENS)
		return form == VOCABULARY_LONG ? "open of a file or FIFO" : "open";
	if (sign == SIGN_LIBRARY)
		return form == VOCABULARY_LONG ? "sleep in a native library" : "library sleep";
	if (own)
		return own;
	for (size_t i = 0; i < N_OF(calls); i++)
		if (calls[i].cause == cause && calls[i].words[form] &&
		    (!calls[i].syscall || (syscall && !strcmp(calls[i].syscall, syscall))))
			return calls[i].words[form];
	return NULL;
}

const char *vocabulary_lock_known(enum ls_lock_known known)
{
	switch (known) {
	case LS_LOCK_OWNER:
		return "owner";
	case LS_LOCK_RELEASED:
		return "release";
	case LS_LOCK_RELEASED_LAST:
		return "last_release";
	case LS_LOCK_PROCESS:
		return "process";
	default:
		return NULL;
	}
}

const char *vocabulary_lock_unknown(enum ls_lock_known known)
{
	static const char *const reasons[LS_LOCK_MAX] = {
		[LS_LOCK_OWNER] = "its thread has ended",
		[LS_LOCK_RELEASED] = "its thread has ended",
		[LS_LOCK_RELEASED_LAST] = "its thread has ended",
		[LS_LOCK_NOT_SEEN] = "the beginning of the wait was not seen",
		[LS_LOCK_NO_OWNER] = "a Lock does not name its owner",
		[LS_LOCK_OWNER_GONE] = "its owner is no thread of the interpreter",
		[LS_LOCK_FREE] = "nobody owned it when the wait began",
		[LS_LOCK_NO_OBJECT] = "neither a lock object nor a mutex was found",
		[LS_LOCK_NO_FUTEX] = "it is a lock of a file or a System V semaphore",
		[LS_LOCK_PROCESS] = "its process is not known",
		[LS_LOCK_NOTIFIED] = "it waited to be notified",
	};

	return (unsigned int)known < LS_LOCK_MAX ? reasons[known] : NULL;
}

const char *vocabulary_no_lock_holder(const struct stall *stall)
{
	return stall->lock_known == LS_LOCK_NOTIFIED ? NULL :
						       vocabulary_lock_unknown(stall->lock_known);
}

void vocabulary_cpu_holder(const struct stall *stall, char buf[VOCABULARY_HOLDER_BYTES])
{
	const struct cpu_holder *holder = &stall->cpu_holder;

	buf[0] = '\0';
	if (stall->sign == SIGN_PINNED && holder->duration_ns && !holder->is_own_process)
		snprintf(buf, VOCABULARY_HOLDER_BYTES,
			 "bound to a CPU that %s (%u) had, another was free", holder->name,
			 holder->pid);
	else if (stall->sign == SIGN_PINNED)
		snprintf(buf, VOCABULARY_HOLDER_BYTES, "bound to its CPUs, another was free");
	else if (holder->duration_ns && holder->is_own_process)
		snprintf(buf, VOCABULARY_HOLDER_BYTES,
			 "other threads of its own process had the CPU");
	else if (holder->duration_ns)
		snprintf(buf, VOCABULARY_HOLDER_BYTES, "%s (%u) had the CPU", holder->name,
			 holder->pid);
}

const char *vocabulary_own_call(const struct stall *stall)
{
	if (stall->context.call == CONTEXT_SIGNAL)
		return "a signal handler";
	return stall->context.call == CONTEXT_DEATH ? "the callback of a weak reference" :
						      "a finalizer";
}

void vocabulary_kernel(const struct stall *stall, char buf[VOCABULARY_KERNEL_BYTES])
{
	const bool is_cpu =
		stall->cause == LS_CAUSE_CPU || (stall->own_ns && stall->own_cause == LS_CAUSE_CPU);

	buf[0] = '\0';
	if (!is_cpu || !stall__is_in_kernel(stall))
		return;
	if (stall->sign == SIGN_PAGE_FAULTS || stall->own_sign == SIGN_PAGE_FAULTS)
		snprintf(buf, VOCABULARY_KERNEL_BYTES, "in the kernel, %" PRIu64 " page faults",
			 stall->page_faults);
	else
		snprintf(buf, VOCABULARY_KERNEL_BYTES, "in the kernel");
}
