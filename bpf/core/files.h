/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a descriptor of a thread is.
 */
#ifndef LOOPSTALL_BPF_FILES_H
#define LOOPSTALL_BPF_FILES_H

#include "core/kernel.h"
#include "core/port.h"

#include <bpf/bpf_core_read.h>

#define MODE_TYPE 0170000
#define MODE_SOCKET 0140000
#define MODE_REGULAR 0100000
#define MODE_BLOCK 0060000
#define MODE_DIRECTORY 0040000
#define MODE_PIPE 0010000

LS_INLINE struct file *file_of(struct task_struct *task, __u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;
	struct file **files;

	if (!table || fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd))
		return NULL;
	return file;
}

/* One of MODE_..., or 0 for descriptors without a file behind them. */
LS_INLINE __u32 file_type(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE;
}

#endif
