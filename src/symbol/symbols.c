/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live resolver: holds the processes and queries the caches of code objects and native code. An
 * ended process is no error: cached names stay valid, the rest is "?".
 */
#include "base/table.h"
#include "symbol/symbol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/procmem.h"
#include "base/strings.h"
#include "base/time.h"
#include "runtime/runtime.h"
#include "symbol/codes.h"
#include "symbol/native.h"
#include "symbol/source_lines.h"
#include "symbol/sources.h"
#include "symbol/syscalls.h"
#include "symbol/threads.h"

#define MAX_POOL_BYTES (8 << 20)
#define MAX_PROCESSES 512 /* each living one takes a descriptor */

struct process {
	uint32_t pid;
	uint64_t start_time_ticks, anchor;
	bool is_pid_ns;
	int mem; /* descriptor of its memory, or -errno */
	struct image image;
	struct native_maps maps;
	UT_hash_handle hh;
};

struct symbols {
	struct process *processes; /* oldest first */
	struct strings *strings;
	struct codes *codes;
	struct sources *sources;
	struct source_lines *source_lines; /* NULL: none was read yet */
	bool tells_sources;
	struct native *native;
};

static int process__read(void *ctx, uint64_t addr, void *buf, size_t size)
{
	struct process *p = ctx;
	int r;

	/* CAP_SYS_PTRACE alone does not open the file; it allows the system call. */
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

	return process__read(p, p->anchor, &byte, sizeof(byte)) == -ESRCH;
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

static void forget_sources(struct symbols *s, uint32_t pid)
{
	sources__forget(s->sources, pid);
	if (s->source_lines)
		source_lines__forget(s->source_lines, pid);
}

static void symbols__drop(struct symbols *s, struct process *p)
{
	HASH_DEL(s->processes, p);
	codes__forget(s->codes, p->pid);
	forget_sources(s, p->pid);
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
	r = sources__new(&s->sources);
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
	HASH_ITER (hh, s->processes, p, next)
		symbols__drop(s, p);
	native__free(s->native);
	source_lines__free(s->source_lines);
	sources__free(s->sources);
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
 * The last event of a process is not known as such, so ended processes stay, without their
 * descriptor, until there are too many.
 */
static void symbols__sweep(struct symbols *s)
{
	struct process *p, *next, *gone = NULL;

	HASH_ITER (hh, s->processes, p, next)
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
	p->image.source = (struct frame_source){ .read = process__read, .ctx = p };
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

	if (p && (p->start_time_ticks != t->start_time_ticks || p->anchor != t->anchor)) {
		symbols__drop(s, p);
		p = NULL;
	}
	if (!p) {
		r = symbols__insert(s, (uint32_t)t->pid, &p);
		if (r < 0)
			return r;
	}
	p->start_time_ticks = t->start_time_ticks;
	p->anchor = t->anchor;
	p->is_pid_ns = t->ns_pid != 0 && t->ns_pid != t->pid;
	p->image.runtime = t->runtime;
	p->image.source.proc = t->proc;
	p->image.source.learned = 0;
	fd_close(&p->mem);
	/* A process that cannot be read is no failure: it may have ended just now. */
	p->mem = procmem__open(t->pid);
	p->maps.read_ns = 0;
	codes__distrust(s->codes, p->pid);
	forget_sources(s, p->pid);
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

/* Reads from what the kernel side copied of the process. */
static int read_copied(void *ctx, uint64_t addr, void *buf, size_t size)
{
	const struct ls_rec_code *code = ctx;

	for (size_t i = 0; i < LS_CODE_PIECES; i++) {
		const struct ls_piece *piece = &code->pieces[i];

		if (addr < piece->addr || addr - piece->addr > piece->n_bytes ||
		    size > piece->n_bytes - (addr - piece->addr))
			continue;
		memcpy(buf, code->bytes + piece->at + (addr - piece->addr), size);
		return 0;
	}
	return -EFAULT;
}

void symbols__keep_code(struct symbols *s, const struct ls_rec_code *code)
{
	struct process *p = symbols__process(s, code->hdr.tgid);
	struct image image;

	if (!p)
		return;
	image = p->image;
	image.source.read = read_copied;
	image.source.ctx = (void *)code;
	codes__keep(s->codes, p->pid, &image, code->code, now_ns());
}

static int resolve_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
			struct code_info *ret)
{
	struct symbols *s = ctx;
	struct process *p = symbols__process(s, pid);

	return codes__info(s->codes, pid, p ? &p->image : NULL, code, qualname, now_ns(), ret);
}

static uint32_t resolve_file_lines(void *ctx, uint32_t pid, uint64_t code)
{
	struct symbols *s = ctx;
	struct code_info info;

	if (resolve_code(ctx, pid, code, 0, &info) < 0 || info.file[0] != '/')
		return 0;
	return sources__lines(s->sources, pid, info.file);
}

static const struct runtime_words *resolve_words(void *ctx, uint32_t pid)
{
	struct process *p = symbols__process(ctx, pid);

	return p && p->image.runtime ? p->image.runtime->words : NULL;
}

static int need_source_lines(struct symbols *s)
{
	return s->source_lines ? 0 : source_lines__new(&s->source_lines, s->strings);
}

int symbols__read_sources(struct symbols *s)
{
	s->tells_sources = true;
	return need_source_lines(s);
}

static const char *resolve_source(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	struct symbols *s = ctx;
	struct code_info info;

	if (resolve_code(ctx, pid, code, 0, &info) < 0 || info.file[0] != '/')
		return NULL;
	return need_source_lines(s) ? NULL :
				      source_lines__get(s->source_lines, pid, info.file, line);
}

static bool resolve_collects(void *ctx, uint32_t pid, uint64_t code, uint32_t line)
{
	const struct runtime_words *words = resolve_words(ctx, pid);
	const char *text = words && words->collects ? resolve_source(ctx, pid, code, line) : NULL;
	char one[SOURCE_LINES_MAX_COLUMNS * 3];

	for (uint32_t i = source_first_line(line); text && i < line; i++) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return false;
	snprintf(one, sizeof(one), "%.*s", (int)strcspn(text, "\n"), text);
	return words->collects(one);
}

static bool resolve_awaited(void *ctx, uint32_t pid, uint64_t code)
{
	struct symbols *s = ctx;
	struct process *p = symbols__process(s, pid);

	return codes__is_awaited(s->codes, pid, p ? &p->image : NULL, code, now_ns());
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
	struct process *p = symbols__process(ctx, pid);
	uint32_t tid;
	int r;

	if (!p || !p->image.runtime || !p->image.runtime->thread_tid)
		return 0;
	r = p->image.runtime->thread_tid(&p->image.source, tstate, id, &tid);
	if (r < 0)
		return 0;
	if (p->is_pid_ns)
		return thread_find_in_namespace((pid_t)pid, tid);
	return r > 0 || thread_exists((pid_t)pid, tid) ? tid : 0;
}

int symbols__unwind(struct symbols *s, const struct ls_rec_copy *copy,
		    struct ls_rec_native *ret_native)
{
	struct process *p = symbols__process(s, copy->hdr.tgid);
	uint64_t ips[LS_MAX_NATIVE];
	bool is_cut;
	int n;

	if (!p || !p->image.runtime || !p->image.runtime->native_bounds)
		return -ENOENT;
	n = native__unwind(s->native, &p->maps, copy, p->image.runtime->native_bounds, now_ns(),
			   ips, &is_cut);
	*ret_native = (struct ls_rec_native){ .hdr = copy->hdr, .place = copy->place };
	ret_native->hdr.kind = LS_REC_NATIVE;
	ret_native->hdr.len = (__u16)(offsetof(struct ls_rec_native, ips) +
				      (size_t)n * sizeof(ret_native->ips[0]));
	ret_native->flags = is_cut ? LS_NATIVE_CUT : 0;
	ret_native->n_ips = (__u16)n;
	for (int i = 0; i < n; i++)
		ret_native->ips[i] = ips[i];
	return 0;
}

#define OPS                                                                                        \
	.code = resolve_code, .file_lines = resolve_file_lines, .is_awaited = resolve_awaited,     \
	.line = resolve_line, .native = resolve_native, .syscall = resolve_syscall,                \
	.thread = resolve_thread, .words = resolve_words, .collects = resolve_collects

struct resolver symbols__resolver(struct symbols *s)
{
	static const struct resolver_ops ops = { OPS };
	static const struct resolver_ops ops_with_sources = { OPS, .source = resolve_source };

	return (struct resolver){ .ops = s->tells_sources ? &ops_with_sources : &ops, .ctx = s };
}
