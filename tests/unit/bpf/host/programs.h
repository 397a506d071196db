/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of the kernel side. Called by other names than their symbols: libc declares an
 * on_exit() too.
 */
#ifndef LOOPSTALL_TESTS_HOST_PROGRAMS_H
#define LOOPSTALL_TESTS_HOST_PROGRAMS_H

struct pt_regs;
struct file_lock;
struct inode;
struct task_struct;
struct bpf_iter__bpf_map_elem;
struct bpf_iter__task;

#define PROGRAM(name, symbol, ...) int name(__VA_ARGS__) __asm__(symbol)

PROGRAM(prog_spot, "on_spot", struct pt_regs *);
PROGRAM(prog_switch, "on_switch", void *, _Bool, struct task_struct *, struct task_struct *);
PROGRAM(prog_wakeup, "on_wakeup", void *, struct task_struct *);
PROGRAM(prog_waking, "on_waking", void *, struct task_struct *);
PROGRAM(prog_file_lock, "on_file_lock", void *, struct inode *, struct file_lock *, int);
PROGRAM(prog_fork, "on_fork", void *, struct task_struct *, struct task_struct *);
PROGRAM(prog_each_clock, "on_each_clock", struct bpf_iter__bpf_map_elem *);
PROGRAM(prog_exit, "on_exit", void *, struct task_struct *);
PROGRAM(prog_exec, "on_exec", void *, struct task_struct *);
PROGRAM(prog_each_task, "on_each_task", struct bpf_iter__task *);

#undef PROGRAM

#endif
