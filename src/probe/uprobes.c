/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libbpf 1.1 knows no uprobe_multi, so its link is made with the system call itself.
 */
#include "probe/uprobes.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "probe/null_program.h"

#define BPF_LINK_CREATE_COMMAND 28
#define OWN_FILE "/proc/self/exe"
#define MAX_REMOVERS 32 /* threads */

/*
 * The part of union bpf_attr that LINK_CREATE reads for BPF_TRACE_UPROBE_MULTI (linux 6.6,
 * uapi/linux/bpf.h).
 */
struct multi_attr {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies; /* one for each offset */
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t pad;
};

static int multi_attach(int prog_fd, pid_t pid, const char *path, const uint64_t *offsets,
			const uint64_t *cookies, size_t count)
{
	struct multi_attr attr = {
		.prog_fd = prog_fd,
		.attach_type = UPROBE_MULTI_ATTACH_TYPE,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = count,
		.pid = pid,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE_COMMAND, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

int uprobes__try_multi(void)
{
	const uint64_t offset = 0;
	_cleanup_fd_ int prog_fd = null_program(BPF_PROG_TYPE_KPROBE, UPROBE_MULTI_ATTACH_TYPE);
	int r;

	if (prog_fd < 0)
		return prog_fd;
	/*
	 * A kernel that knows the attach type looks for the file; one that does not refuses
	 * earlier. A real attach would give the same answer, but its detach waits 30 ms for all
	 * readers.
	 */
	r = multi_attach(prog_fd, getpid(), "/proc/self/no-such-file", &offset, NULL, 1);
	return r == -ENOENT ? 0 : r;
}

/* On an instruction of our own program. A descriptor or -errno. */
static int open_own_perf(uint64_t offset)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.config1 = (uintptr_t)OWN_FILE,
		.config2 = offset,
	};
	_cleanup_(file_close) FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int fd;

	if (!f)
		return -errno;
	if (fscanf(f, "%u", &attr.type) != 1)
		return -EINVAL;
	fd = syscall(SYS_perf_event_open, &attr, getpid(), -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int uprobes__try_perf(void)
{
	/* The ELF header, which nothing executes. */
	_cleanup_fd_ int fd = open_own_perf(0);

	return fd < 0 ? fd : 0;
}

int uprobes__attach_own(bool use_multi, const uint64_t *offsets, size_t count, int *ret_fds)
{
	_cleanup_fd_ int prog_fd =
		null_program(BPF_PROG_TYPE_KPROBE, use_multi ? UPROBE_MULTI_ATTACH_TYPE : 0);

	if (prog_fd < 0)
		return prog_fd;
	if (use_multi) {
		ret_fds[0] = multi_attach(prog_fd, getpid(), OWN_FILE, offsets, NULL, count);
		return ret_fds[0] < 0 ? ret_fds[0] : 0;
	}
	for (size_t i = 0; i < count; i++) {
		ret_fds[i] = open_own_perf(offsets[i]);
		if (ret_fds[i] < 0)
			return ret_fds[i];
		if (ioctl(ret_fds[i], PERF_EVENT_IOC_SET_BPF, prog_fd) ||
		    ioctl(ret_fds[i], PERF_EVENT_IOC_ENABLE, 0))
			return -errno;
	}
	return 0;
}

static int attach_perf(struct uprobes *u, struct bpf_program *prog, enum ls_spot kind, pid_t pid,
		       const char *path, const uint64_t *offsets, size_t count)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = kind);
	struct bpf_link **links = reallocarray(u->links, u->n_links + count, sizeof(*links));

	if (!links)
		return -ENOMEM;
	u->links = links;
	for (size_t i = 0; i < count; i++) {
		struct bpf_link *link =
			bpf_program__attach_uprobe_opts(prog, pid, path, offsets[i], &opts);

		if (!link)
			return -errno;
		links[u->n_links++] = link;
	}
	return 0;
}

static int attach_kind(struct uprobes *u, enum ls_spot kind, struct bpf_program *prog,
		       bool use_multi, pid_t pid, const struct target_module *module,
		       uint64_t *offsets, uint64_t *cookies)
{
	size_t count = 0;
	int fd;

	for (size_t i = 0; i < module->n_spots; i++) {
		const struct target_spot *spot = &module->spots[i];

		/* A name look-up is rare enough to be single-stepped; nothing else is. */
		if (spot->kind == kind && (spot->is_emulable || kind == LS_SPOT_DNS_ENTER))
			offsets[count++] = spot->file_offset;
		cookies[i] = kind;
	}
	if (!count)
		return 0;
	if (!use_multi)
		return attach_perf(u, prog, kind, pid, module->host_path, offsets, count);
	fd = multi_attach(bpf_program__fd(prog), pid, module->host_path, offsets, cookies, count);
	if (fd < 0)
		return fd;
	u->multi_fds[kind] = fd;
	return 0;
}

static void uprobes_init(struct uprobes *u)
{
	*u = (struct uprobes){ 0 };
	for (size_t kind = 0; kind < LS_SPOT_MAX; kind++)
		u->multi_fds[kind] = -1;
}

int uprobes__attach(struct uprobes *u, struct bpf_program *prog, bool use_multi, pid_t pid,
		    const struct target_module *module)
{
	_cleanup_free_ uint64_t *offsets = calloc(module->n_spots + 1, sizeof(*offsets));
	_cleanup_free_ uint64_t *cookies = calloc(module->n_spots + 1, sizeof(*cookies));
	int r = 0;

	uprobes_init(u);
	if (!offsets || !cookies)
		return -ENOMEM;
	/* Ends before beginnings: a step whose beginning was seen must be seen to end. */
	for (size_t kind = LS_SPOT_MAX; !r && kind-- > 0;)
		r = attach_kind(u, kind, prog, use_multi, pid, module, offsets, cookies);
	return r;
}

/* A link that is being removed. */
struct leaving {
	int fd; /* -1: `link` */
	struct bpf_link *link;
};

static void *leave(void *arg)
{
	struct leaving *l = arg;

	fd_close(&l->fd);
	bpf_link__destroy(l->link);
	free(l);
	return NULL;
}

/*
 * The kernel removes the breakpoints at once, but then waits 30 ms for threads that may be in one,
 * so each link is closed in a thread of its own.
 */
static void leave_aside(int fd, struct bpf_link *link)
{
	struct leaving *l = malloc(sizeof(*l));
	pthread_t thread;

	if (!l) {
		fd_close(&fd);
		bpf_link__destroy(link);
		return;
	}
	*l = (struct leaving){ fd, link };
	if (pthread_create(&thread, NULL, leave, l))
		leave(l);
	else
		pthread_detach(thread);
}

void uprobes__done_aside(struct uprobes *u)
{
	for (size_t kind = 0; kind < LS_SPOT_MAX; kind++)
		if (u->multi_fds[kind] >= 0)
			leave_aside(TAKE_FD(u->multi_fds[kind]), NULL);
	for (size_t i = 0; i < u->n_links; i++)
		leave_aside(-1, u->links[i]);
	free(u->links);
	uprobes_init(u);
}

void uprobes__done(struct uprobes *u)
{
	for (size_t kind = 0; kind < LS_SPOT_MAX; kind++)
		fd_close(&u->multi_fds[kind]);
	for (size_t i = 0; i < u->n_links; i++)
		bpf_link__destroy(u->links[i]);
	free(u->links);
	uprobes_init(u);
}

struct removed_link {
	int fd; /* -1: `link` */
	struct bpf_link *link;
};

void uprobes__remove(struct uprobes *u, struct removal *removal)
{
	const size_t most = removal->n + LS_SPOT_MAX + u->n_links;

	if (ARRAY_RESERVE(removal->links, removal->size, most)) {
		uprobes__done(u);
		return;
	}
	for (size_t kind = 0; kind < LS_SPOT_MAX; kind++)
		if (u->multi_fds[kind] >= 0)
			removal->links[removal->n++] =
				(struct removed_link){ TAKE_FD(u->multi_fds[kind]), NULL };
	for (size_t i = 0; i < u->n_links; i++)
		removal->links[removal->n++] = (struct removed_link){ -1, u->links[i] };
	free(u->links);
	uprobes_init(u);
}

static void *remove_links(void *ctx)
{
	struct removal *removal = ctx;

	for (size_t i;
	     (i = __atomic_fetch_add(&removal->next, 1, __ATOMIC_RELAXED)) < removal->n;) {
		fd_close(&removal->links[i].fd);
		bpf_link__destroy(removal->links[i].link);
	}
	return NULL;
}

void removal__run(struct removal *removal)
{
	pthread_t threads[MAX_REMOVERS];
	size_t n = 0;

	while (n + 1 < removal->n && n < MAX_REMOVERS &&
	       thread_start(&threads[n], remove_links, removal) == 0)
		n++;
	remove_links(removal);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(removal->links);
	*removal = (struct removal){ 0 };
}
