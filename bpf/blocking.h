/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why does this thread leave the CPU? Told from its saved registers and its descriptors, without any probe on
 * system calls.
 */
#ifndef LOOPSTALL_BPF_BLOCKING_H
#define LOOPSTALL_BPF_BLOCKING_H

#include "files.h"
#include "maps.h"

#define SELECT_WORDS 4 /* descriptors 0 ... 255 are looked at */

struct blocking {
	__u32 cause; /* enum ls_cause */
	__u32 syscall; /* or LS_NO_SYSCALL */
	__s32 epoll_fd; /* descriptor of an epoll wait, else -1 */
	__u8 is_wait; /* it waits for descriptors: epoll, poll or select */
};

static __always_inline __u32 cause_of_fd(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of(task, fd);

	if (!file)
		return LS_CAUSE_OTHER;
	switch (file_type(file)) {
	case MODE_SOCKET:
		return LS_CAUSE_NETWORK;
	case MODE_PIPE:
		return LS_CAUSE_PIPE;
	case MODE_REGULAR:
	case MODE_BLOCK:
	case MODE_DIRECTORY:
		return LS_CAUSE_FILE;
	}
	return LS_CAUSE_OTHER;
}

static __always_inline __u32 cause_of_poll(struct task_struct *task, __u64 fds, __u64 count)
{
	__s32 fd = -1;

	if (!count)
		return LS_CAUSE_SLEEP;
	if (read_user(&fd, sizeof(fd), fds) || fd < 0)
		return LS_CAUSE_OTHER;
	return cause_of_fd(task, fd);
}

static __always_inline __u32 cause_of_select(struct task_struct *task, __u64 count, __u64 reads, __u64 writes)
{
	__u32 set, i;

	if (!count || (!reads && !writes))
		return LS_CAUSE_SLEEP;
	for (set = 0; set < 2; set++) {
		__u64 words[SELECT_WORDS] = {};
		__u64 addr = set ? writes : reads;

		if (!addr)
			continue;
		/* The set is only as long as the highest descriptor needs, in whole words. */
		for (i = 0; i < SELECT_WORDS && i * 64 < count; i++) {
			if (read_user(&words[i], sizeof(words[i]), addr + 8 * i))
				break;
			if (words[i])
				return cause_of_fd(task, i * 64 + ls_log2(words[i] & -words[i]));
		}
	}
	return LS_CAUSE_OTHER;
}

/* `task` is about to leave the CPU in a state that is not runnable. */
static __always_inline void blocking_classify(struct thread_state *ts, struct task_struct *task,
					      const struct pt_regs *regs, struct blocking *ret)
{
	__s64 nr = regs->orig_ax;
	const struct ls_proc *proc = &ts->proc;
	__u32 rule;

	ret->cause = LS_CAUSE_OTHER;
	ret->syscall = LS_NO_SYSCALL;
	ret->epoll_fd = -1;
	ret->is_wait = 0;
	if (nr < 0) {
		/* It did not enter by a system call, so it waits for a page or for the lock of its memory map. */
		ret->cause = LS_CAUSE_PAGEFAULT;
		return;
	}
	if (nr >= LS_SYSCALLS)
		return;
	ret->syscall = nr;
	rule = syscall_rules[nr & (LS_SYSCALLS - 1)];
	switch (rule) {
	case LS_RULE_FD:
		ret->cause = cause_of_fd(task, regs->di);
		break;
	case LS_RULE_FUTEX:
		ret->cause = LS_CAUSE_LOCK;
		if (proc->gil && regs->di >= proc->gil + proc->py.gil_cond &&
		    regs->di < proc->gil + proc->py.gil_end)
			ret->cause = LS_CAUSE_GIL;
		break;
	case LS_RULE_POLL:
		ret->is_wait = 1;
		ret->cause = cause_of_poll(task, regs->di, regs->si);
		break;
	case LS_RULE_SELECT:
		ret->is_wait = 1;
		ret->cause = cause_of_select(task, regs->di, regs->si, regs->dx);
		break;
	case LS_RULE_EPOLL:
		ret->is_wait = 1;
		ret->epoll_fd = regs->di;
		ret->cause = LS_CAUSE_NETWORK;
		break;
	default:
		ret->cause = rule;
	}
}

#endif
