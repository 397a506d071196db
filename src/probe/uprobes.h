/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts uprobes on the spots of one file: one link for a kind where the kernel has uprobe_multi
 * (6.6), else one perf event each.
 */
#ifndef LOOPSTALL_PROBE_UPROBES_H
#define LOOPSTALL_PROBE_UPROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/target.h"

struct bpf_program;
struct bpf_link;

/* What expected_attach_type must be set to before loading a program for uprobe_multi. */
#define UPROBE_MULTI_ATTACH_TYPE 48

struct uprobes {
	int multi_fds[LS_SPOT_MAX]; /* one link for all spots of a kind, or -1 */
	size_t n_links;
	struct bpf_link **links;
};

/* Does this kernel attach through uprobe_multi? 0 or -errno. */
int uprobes__try_multi(void);
/* The same for a perf uprobe: needs CAP_SYS_ADMIN. */
int uprobes__try_perf(void);

/*
 * A program that does nothing on instructions of our own program, for ourselves only. `ret_fds` has
 * room for `count` descriptors that hold it, all -1; those it set are to be closed, also on
 * failure. 0 or -errno.
 */
int uprobes__attach_own(bool use_multi, const uint64_t *offsets, size_t count, int *ret_fds);

/*
 * Attaches `prog` to each spot, with its kind as cookie, if the kernel can emulate it; look-ups of
 * names, which are rare, always. 0 or -errno; on failure what is attached already stays until
 * uprobes__done().
 */
int uprobes__attach(struct uprobes *u, struct bpf_program *prog, bool use_multi, pid_t pid,
		    const struct target_module *module);
void uprobes__done(struct uprobes *u);
/*
 * The same in a thread of its own: the kernel waits some 30 ms for each kind of spot, and a new
 * process may not have that long.
 */
void uprobes__done_aside(struct uprobes *u);

/* Links to be removed together, each in its own thread up to a limit. Begin with zeros. */
struct removal {
	struct removed_link *links;
	size_t n, size;
	size_t next; /* of the threads that remove them */
};

/* As uprobes__done(), but its links stay until removal__run(), which waits until all are gone. */
void uprobes__remove(struct uprobes *u, struct removal *removal);
void removal__run(struct removal *removal);

#endif
