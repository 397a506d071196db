/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live resolver: knows the processes, and asks the caches of code objects and native code on
 * their behalf. A process that is gone is no error: what was read before still serves, the rest is
 * "?".
 */
#include "symbol/symbol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "base/procmem.h"
#include "symbol/codes.h"
#include "symbol/native.h"
#include "base/strings.h"
#include "base/time.h"
#include "symbol/syscalls.h"
#include "symbol/threads.h"

#define MAX_POOL_BYTES (8 << 20)
#define MAX_PROCESSES 512 /* each living one takes a descriptor */

struct process {
	uint32_t pid;
	uint64_t start_time_ticks, runtime;
	bool is_pid_ns;
	int mem; /* descriptor of its memory, or -errno */
	struct pyimage image;
	struct native_maps maps;
	UT_hash_handle hh;
};

struct symbols {
	struct process *processes; /* oldest first */
	struct strings *strings;
	struct codes *codes;
	struct native *native;
};

static int process__read(void *ctx, uint64_t addr, void *buf, size_t size)
{
	struct process *p = ctx;
	int r;

	/* The file is closed to one who has CAP_SYS_PTRACE only; the system call is not. */
	if (p->mem == -EACCES || p->mem == -EPERM)
		r = procmem__read((pid_t)p->pid, addr, buf, size);
	else if (p->mem < 0)
		return p->mem;
	else
		r = procmem__read_fd(p->mem, addr, buf, size);
	if (r == -ESRCH) {
		fd_close(&p->mem);
		p->mem = -ESRCH;
	}
	return r;
}

static bool process__is_gone(struct process *p)
{
	uint8_t byte;

	return process__read(p, p->runtime, &byte, sizeof(byte)) == -ESRCH;
}

static void process__free(struct process *p)
{
	if (!p)
		return;
	fd_close(&p->mem);
	native_maps__done(&p->maps);
	free(p);
}

static void process__freep(struct process **p)
{
	process__free(*p);
}

static void symbols__drop(struct symbols *s, struct process *p)
{
	HASH_DEL(s->processes, p);
	codes__forget(s->codes, p->pid);
	process__free(p);
}

int symbols__new(struct symbols **ret_symbols)
{
	_cleanup_(symbols__freep) struct symbols *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = strings__new(&s->strings, MAX_POOL_BYTES);
	if (r < 0)
		return r;
	r = codes__new(&s->codes, s->strings);
	if (r < 0)
		return r;
	r = native__new(&s->native, s->strings);
	if (r < 0)
		return r;
	*ret_symbols = TAKE_PTR(s);
	return 0;
}

void symbols__free(struct symbols *s)
{
	struct process *p, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->processes, p, next)
		symbols__drop(s, p);
	native__free(s->native);
	codes__free(s->codes);
	strings__free(s->strings);
	free(s);
}

static struct process *symbols__process(struct symbols *s, uint32_t pid)
{
	struct process *p;

	HASH_FIND(hh, s->processes, &pid, sizeof(pid), p);
	return p;
}

/*
 * Nobody tells when the last event of a process has been seen, so those that are gone stay, without
 * their descriptor, until their number is too large.
 */
static void symbols__sweep(struct symbols *s)
{
	struct process *p, *next, *gone = NULL;

	HASH_ITER(hh, s->processes, p, next)
		if (process__is_gone(p) && !gone)
			gone = p;
	if (HASH_COUNT(s->processes) >= MAX_PROCESSES)
		symbols__drop(s, gone ? gone : s->processes);
}

static int symbols__insert(struct symbols *s, uint32_t pid, struct process **ret_process)
{
	_cleanup_(process__freep) struct process *p = NULL;

	symbols__sweep(s);
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pid = pid;
	p->mem = -ESRCH;
	p->image.memory = (struct memory){ .read = process__read, .ctx = p };
	HASH_ADD(hh, s->processes, pid, sizeof(p->pid), p);
	if (!p->hh.tbl)
		return -ENOMEM;
	*ret_process = TAKE_PTR(p);
	return 0;
}

int symbols__add_process(struct symbols *s, const struct target *t)
{
	struct process *p = symbols__process(s, (uint32_t)t->pid);
	int r;

	if (p && (p->start_time_ticks != t->start_time_ticks || p->runtime != t->runtime)) {
		symbols__drop(s, p);
		p = NULL;
	}
	if (!p) {
		r = symbols__insert(s, (uint32_t)t->pid, &p);
		if (r < 0)
			return r;
	}
	p->start_time_ticks = t->start_time_ticks;
	p->runtime = t->runtime;
	p->is_pid_ns = t->ns_pid != 0 && t->ns_pid != t->pid;
	p->image.py = t->proc.py;
	p->image.code_type = 0;
	fd_close(&p->mem);
	/* One that cannot be read any more is no failure: it may just have ended. */
	p->mem = procmem__open(t->pid);
	p->maps.read_ns = 0;
	codes__distrust(s->codes, p->pid);
	return 0;
}

void symbols__forget(struct symbols *s, pid_t pid)
{
	struct process *p = symbols__process(s, (uint32_t)pid);

	if (p)
		symbols__drop(s, p);
}

/* To a few milliseconds, which is as good as needed here and costs no system call. */
static uint64_t now_ns(void)
{
	return time_now_ns(CLOCK_MONOTONIC_COARSE);
}

static int resolve_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
			struct code_info *ret)
{
	struct symbols *s = ctx;
	struct process *p = symbols__process(s, pid);

	return codes__info(s->codes, pid, p ? &p->image : NULL, code, qualname, now_ns(), ret);
}

static uint32_t resolve_line(void *ctx, uint32_t pid, const struct ls_frame *frame)
{
	struct symbols *s = ctx;
	struct process *p = symbols__process(s, pid);

	return codes__line(s->codes, pid, p ? &p->image : NULL, frame, now_ns());
}

static const char *resolve_native(void *ctx, uint32_t pid, uint64_t ip)
{
	struct symbols *s = ctx;
	struct process *p = symbols__process(s, pid);

	return p ? native__name(s->native, &p->maps, (pid_t)pid, ip, now_ns()) : NULL;
}

static const char *resolve_syscall(void *ctx, uint16_t number)
{
	(void)ctx;
	return syscall_name(number);
}

static uint32_t resolve_thread(void *ctx, uint32_t pid, uint64_t tstate, uint64_t id)
{
	struct symbols *s = ctx;
	struct process *p = symbols__process(s, pid);

	(void)tstate;
	return p ? thread_tid(&p->image, (pid_t)pid, p->is_pid_ns, id) : 0;
}

struct resolver symbols__resolver(struct symbols *s)
{
	static const struct resolver_ops ops = {
		.code = resolve_code,
		.line = resolve_line,
		.native = resolve_native,
		.syscall = resolve_syscall,
		.thread = resolve_thread,
	};

	return (struct resolver){ .ops = &ops, .ctx = s };
}
