/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why a thread leaves the CPU, from its saved registers and its descriptors. No probe on system
 * calls is needed.
 */
#ifndef LOOPSTALL_BPF_BLOCKING_H
#define LOOPSTALL_BPF_BLOCKING_H

#include "core/files.h"
#include "core/maps.h"
#include "python/lock.h"

/*
 * Reads memory of the thread that is classified. A program that runs on another thread defines this
 * before.
 */
#ifndef read_waiter
#define read_waiter(task, dst, size, addr) read_user(dst, size, addr)
#endif

#define SELECT_WORDS 4 /* descriptors 0 ... 255 are looked at */

/* linux: include/linux/sched.h, include/linux/sched/jobctl.h */
#define STATE_INTERRUPTIBLE 0x1
#define STATE_STOPPED 0x4
#define STATE_TRACED 0x8
#define STATE_FROZEN 0x8000 /* by the freezer of cgroup v1 */
#define JOBCTL_STOP_SIGNAL 0xffff
#define JOBCTL_TRAP_FREEZE (1UL << 23) /* by that of cgroup v2 */
#define SIGNAL_STOP 19 /* SIGSTOP */
/* State bits of a thread that waits; others, such as TASK_FREEZABLE, do not matter. */
#define STATE_WAITS (0xff | STATE_FROZEN)

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
	if (read_waiter(task, &fd, sizeof(fd), fds) || fd < 0)
		return LS_CAUSE_OTHER;
	return cause_of_fd(task, fd);
}

static __always_inline __u32 cause_of_select(struct task_struct *task, __u64 count, __u64 reads,
					     __u64 writes)
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
			if (read_waiter(task, &words[i], sizeof(words[i]), addr + 8 * i))
				break;
			if (words[i])
				return cause_of_fd(task, i * 64 + ls_log2(words[i] & -words[i]));
		}
	}
	return LS_CAUSE_OTHER;
}

static __always_inline void futex_read(const struct pt_regs *regs, struct blocking *ret)
{
	ret->is_futex = 1;
	ret->futex.addr = syscall_arg0(regs);
	ret->futex.op = syscall_arg1(regs);
	ret->futex.value = syscall_arg2(regs);
}

LS_INLINE void blocking_clear(struct blocking *why)
{
	why->cause = LS_CAUSE_OTHER;
	why->syscall = LS_NO_SYSCALL;
	why->epoll_fd = -1;
	why->timeout_ms = -1;
	why->is_wait = 0;
	why->is_futex = 0;
	why->stop = 0;
	why->stop_id = 0;
}

/* The GIL, which a condition variable of the interpreter guards, or another lock. */
static __always_inline void futex_classify(const struct thread_state *ts,
					   const struct pt_regs *regs, struct blocking *ret)
{
	const struct ls_proc *proc = &ts->proc;

	ret->cause = LS_CAUSE_LOCK;
	if (proc->py.gil && syscall_arg0(regs) >= proc->py.gil + proc->py.at.gil_cond &&
	    syscall_arg0(regs) < proc->py.gil + proc->py.at.gil_end)
		ret->cause = LS_CAUSE_GIL;
	else
		futex_read(regs, ret);
}

/*
 * `task` leaves the CPU, or has left it, in a state that is not runnable.
 */
static __always_inline void blocking_classify(struct thread_state *ts, struct task_struct *task,
					      const struct pt_regs *regs, struct blocking *ret)
{
	__s64 nr = syscall_number(regs);
	__u32 rule;

	blocking_clear(ret);
	ret->native_ip = reg_ip(regs);
	if (nr < 0) {
		/*
		 * Not in a system call, so it waits for a page or for the lock of its memory map.
		 */
		ret->cause = LS_CAUSE_PAGEFAULT;
		return;
	}
	if (nr >= LS_SYSCALLS)
		return;
	ret->syscall = nr;
	rule = syscall_rules[nr & (LS_SYSCALLS - 1)];
	switch (rule) {
	case LS_RULE_FD:
		ret->cause = cause_of_fd(task, syscall_arg0(regs));
		break;
	case LS_RULE_FUTEX:
		futex_classify(ts, regs, ret);
		break;
	case LS_RULE_POLL:
		ret->cause = cause_of_poll(task, syscall_arg0(regs), syscall_arg1(regs));
		ret->is_wait = ret->cause != LS_CAUSE_SLEEP;
		break;
	case LS_RULE_SELECT:
		ret->cause = cause_of_select(task, syscall_arg0(regs), syscall_arg1(regs),
					     syscall_arg2(regs));
		ret->is_wait = ret->cause != LS_CAUSE_SLEEP;
		break;
	case LS_RULE_EPOLL:
		ret->timeout_ms = (__s32)syscall_arg3(regs);
		/* fall through */
	case LS_RULE_EPOLL_TIMESPEC:
		ret->is_wait = 1;
		ret->epoll_fd = syscall_arg0(regs);
		ret->cause = LS_CAUSE_NETWORK;
		break;
	default:
		ret->cause = rule;
	}
}

/*
 * Stopped by us: the stop is over when its command is examined, and the wait that it interrupted
 * goes on meanwhile.
 */
static __always_inline int is_held_by_us(struct task_struct *task, __u32 signal)
{
	return signal == SIGNAL_STOP && settings.own_tgid &&
		(__u32)BPF_CORE_READ(task, real_parent, tgid) == settings.own_tgid;
}

/*
 * A thread that is stopped is so wherever it was: its registers show the system call that the stop
 * interrupted. With a freeze pending it cannot sleep for anything else, as with a pending signal.
 */
static __always_inline void stop_classify(struct task_struct *task, struct blocking *ret)
{
	__u32 state = task->__state;

	if (state & STATE_TRACED) {
		ret->stop = LS_STOP_TRACER;
		ret->stop_id = BPF_CORE_READ(task, parent, tgid);
	} else if (state & STATE_STOPPED) {
		const __u32 signal = task->jobctl & JOBCTL_STOP_SIGNAL;

		if (ret->syscall != LS_NO_SYSCALL && is_held_by_us(task, signal))
			return;
		ret->stop = LS_STOP_SIGNAL;
		ret->stop_id = signal;
	} else if ((state & STATE_FROZEN) ||
		   ((state & STATE_INTERRUPTIBLE) && (task->jobctl & JOBCTL_TRAP_FREEZE))) {
		ret->stop = LS_STOP_FREEZER;
	} else {
		return;
	}
	ret->cause = LS_CAUSE_STOPPED;
	ret->syscall = LS_NO_SYSCALL;
}

#endif
