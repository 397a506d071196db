/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watched processes: their configuration in the kernel, their uprobes, their loops and threads.
 */
#include "probe/probe_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "probe/task_counts.h"

static bool is_attached(const struct probe *p, pid_t pid, const struct target_module *module)
{
	for (size_t i = 0; i < p->n_attached; i++)
		if (p->attached[i].pid == pid && p->attached[i].dev == module->dev &&
		    p->attached[i].ino == module->ino)
			return true;
	return false;
}

static int attach_module(struct probe *p, const struct target *t,
			 const struct target_module *module, struct err *err)
{
	struct attached *attached;
	struct uprobes uprobes;
	int r;

	if (is_attached(p, t->pid, module))
		return 0;
	attached = reallocarray(p->attached, p->n_attached + 1, sizeof(*attached));
	if (!attached)
		return -ENOMEM;
	p->attached = attached;
	r = uprobes__attach(&uprobes, p->spot_prog, p->use_multi, t->pid, module);
	if (r) {
		uprobes__done(&uprobes);
		err__set(err, r, "cannot put probes on %s of process %d: %s", module->path, t->pid,
			 strerror(-r));
		if ((r == -EPERM || r == -EACCES) && !p->use_multi)
			err__hint(err, r,
				  "this kernel's uprobes need CAP_SYS_ADMIN: run it as root");
		return r;
	}
	attached[p->n_attached++] = (struct attached){
		.pid = t->pid, .dev = module->dev, .ino = module->ino, .uprobes = uprobes
	};
	return 0;
}

int probe__add_uprobes(struct probe *p, const struct target *t, struct err *err)
{
	if (t->proc.is_light)
		return 0;
	for (size_t i = 0; i < t->n_modules; i++) {
		int r = attach_module(p, t, &t->modules[i], err);

		if (r)
			return r;
	}
	return 0;
}

void probe__remove_uprobes(struct probe *p, pid_t pid)
{
	for (size_t i = 0; i < p->n_attached;) {
		if (p->attached[i].pid == pid) {
			uprobes__done_aside(&p->attached[i].uprobes);
			p->attached[i] = p->attached[--p->n_attached];
		} else {
			i++;
		}
	}
}

/* What the programs read at each span is read as long as a process has it. 0 or -ENOMEM. */
static int set_traced(struct probe *p, pid_t pid, bool is_traced)
{
	size_t i = 0;

	while (i < p->n_traced && p->traced[i] != pid)
		i++;
	if (is_traced && i == p->n_traced) {
		if (ARRAY_RESERVE(p->traced, p->traced_size, p->n_traced + 1) < 0)
			return -ENOMEM;
		p->traced[p->n_traced++] = pid;
	} else if (!is_traced && i < p->n_traced) {
		p->traced[i] = p->traced[--p->n_traced];
	}
	probe__settings(p)->reads_traces = p->n_traced > 0;
	return 0;
}

int probe__attach(struct probe *p, const struct target *t, struct err *err)
{
	uint32_t tgid = t->pid;

	/* The configuration first: the first step must find it. */
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.procs), &tgid, &t->proc, BPF_ANY))
		return err__set(err, -errno, "cannot watch process %d: %s", t->pid,
				errno == E2BIG ? "too many processes are watched" :
						 strerror(errno));
	if (set_traced(p, t->pid, t->proc.trace.place != LS_TRACE_NONE) < 0)
		return err__set(err, -ENOMEM, "out of memory");
	return probe__is_light(p) ? 0 : probe__add_uprobes(p, t, err);
}

int probe__follow(struct probe *p, pid_t pid)
{
	const struct ls_proc nothing = { 0 };
	uint32_t tgid = pid;

	if (!bpf_map_update_elem(bpf_map__fd(p->skel->maps.procs), &tgid, &nothing, BPF_NOEXIST) ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

void probe__detach(struct probe *p, pid_t pid)
{
	uint32_t tgid = pid;

	probe__remove_uprobes(p, pid);
	set_traced(p, pid, false);
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.procs), &tgid);
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.requests), &tgid);
	if (p->tasks)
		task_counts__remove(p->tasks, tgid);
}

void probe_nudge_thread(pid_t tid)
{
	clock_nudge_aside(tid);
}

void probe__forget_thread(struct probe *p, pid_t tid)
{
	const uint32_t key = tid;

	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.loop_threads), &key);
}

int probe__set_loop_thread(struct probe *p, pid_t pid, const struct target_loop_thread *thread,
			   const struct probe_inside *inside)
{
	struct ls_loop_thread found = {
		.loop = thread->loop,
		.tstate = thread->tstate,
		.tgid = pid,
		.epoll_fd = -1,
		.is_bare = target_loop_kind_is_bare(thread->kind),
	};
	const uint32_t tid = thread->tid;

	if (found.is_bare) {
		found.loop_frame = thread->frame;
		found.bare = thread->bare;
		found.epoll_fd = thread->poll_fd;
	}
	if (inside) {
		found.is_inside = 1;
		found.epoll_fd = inside->poll_fd;
		found.task = inside->task;
		found.coro = inside->coro;
		found.code = inside->code;
		found.flags = inside->flags;
		found.n_frames = (uint16_t)inside->n_frames;
		memcpy(found.frames, inside->frames, inside->n_frames * sizeof(found.frames[0]));
	}

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.loop_threads), &tid, &found, BPF_ANY) ?
		-errno :
		0;
}

int probe__make_threads(struct probe *p)
{
	_cleanup_fd_ int fd = bpf_iter_create(bpf_link__fd(p->skel->links.on_each_task));
	char byte;

	if (fd < 0)
		return fd;
	while (read(fd, &byte, 1) > 0)
		;
	return 0;
}

int probe__set_requests(struct probe *p, pid_t pid, const struct ls_requests *requests)
{
	const uint32_t tgid = pid;

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.requests), &tgid, requests, BPF_ANY) ?
		-errno :
		0;
}

int probe__set_loop(struct probe *p, pid_t pid, uint64_t loop, const struct ls_loop *info)
{
	const struct ls_loop_key key = { .loop = loop, .tgid = pid };

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.loops), &key, info, BPF_ANY) ? -errno :
											    0;
}
