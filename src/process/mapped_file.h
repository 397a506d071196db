/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the file behind a mapping of a process: the very inode that is mapped, whatever its path
 * leads to by now.
 */
#ifndef LOOPSTALL_PROCESS_MAPPED_FILE_H
#define LOOPSTALL_PROCESS_MAPPED_FILE_H

#include <sys/types.h>

#include "process/procfs.h"

/*
 * The first of these that leads there:
 *   /proc/PID/root/PATH         needs the folders on the way to be open to us
 *   /proc/PID/exe               the executable only; not even its path need exist any more
 *   /proc/PID/map_files/A-B     any file, as the one before; needs CAP_CHECKPOINT_RESTORE, of a
 * process of another user CAP_DAC_READ_SEARCH as well (linux: fs/proc/base.c,
 * proc_map_files_get_link)
 *
 * Returns a descriptor and how it was opened, or -errno: -EACCES or -EPERM if one of the ways is
 * closed to us.
 */
int mapped_file__open(pid_t pid, const struct map_entry *map, char **ret_host_path);

#endif
