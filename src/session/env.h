/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything a session asks of the outside, as tables of functions: the kernel side, the machine
 * with its clocks and processes, the symbols. Tests script them, so that a whole session runs
 * without root, without other processes and without waiting.
 */
#ifndef LOOPSTALL_SESSION_ENV_H
#define LOOPSTALL_SESSION_ENV_H

#include <sys/epoll.h>

#include "probe/kernel_side.h"
#include "process/loop_state.h"
#include "process/target.h"
#include "symbol/symbol.h"

struct machine_ops {
	uint64_t (*now_ns)(void); /* CLOCK_MONOTONIC, as the kernel side stamps its records */
	uint64_t (*own_cpu_ns)(void); /* CPU time of this program so far */
	/* As epoll_wait(), until a time on now_ns(). */
	int (*wait)(int epoll_fd, struct epoll_event *events, int max, uint64_t until_ns);
	void (*sleep)(uint64_t ns);
};

/*
 * Processes seen from outside. A pidfd belongs to the caller. Both opens return it or -errno. What
 * is read from a target's memory goes through target->runtime, which examine() sets.
 */
struct process_ops {
	int (*open)(pid_t pid);
	int (*open_thread)(pid_t tid);
	int (*signal)(pid_t pid, int signal);
	/* Each as the function of target.h with the same name. */
	int (*age_ns)(pid_t pid, uint64_t *ret_ns);
	int (*has_name)(pid_t pid, const char *name);
	int (*find_by_name)(const char *name, pid_t **ret_pids, size_t *ret_n);
	int (*find_all)(pid_t **ret_pids, size_t *ret_n);
	int (*has_traces)(pid_t pid);
	int (*find_descendants)(pid_t pid, pid_t **ret_pids, size_t *ret_n);
	int (*examine)(struct target **ret_target, pid_t pid, const struct target_context *context,
		       struct err *err);
	bool (*is_current)(struct target *t);
	void (*free)(struct target *t);
	enum loop_state (*loop_state)(const struct target *t, pid_t tid, uint64_t loop);
};

/* Each as the function of symbol.h with the same name. `struct symbols` is opaque here. */
struct symbol_ops {
	int (*new)(struct symbols **ret_symbols);
	void (*free)(struct symbols *s);
	int (*add_process)(struct symbols *s, const struct target *t);
	void (*forget)(struct symbols *s, pid_t pid);
	int (*unwind)(struct symbols *s, const struct ls_rec_copy *copy,
		      struct ls_rec_native *ret_native);
	void (*keep_code)(struct symbols *s, const struct ls_rec_code *code);
	int (*read_sources)(struct symbols *s);
	struct resolver (*resolver)(struct symbols *s);
};

struct session_env {
	const struct kernel_side_ops *kernel;
	const struct machine_ops *machine;
	const struct process_ops *process;
	const struct symbol_ops *symbol;
};

extern const struct session_env live_env;

#endif
