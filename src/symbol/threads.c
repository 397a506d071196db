/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See threads.h.
 */
#include "symbol/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "process/procfs.h"

#define MAX_TASKS 4096 /* looked through; each takes opening a file */

bool thread_exists(pid_t pid, uint32_t tid)
{
	return proc_find_thread(pid, tid) == 0;
}

/* The id a thread has in the innermost pid namespace it lives in; 0 if it is gone. */
static uint64_t innermost_tid(pid_t pid, const char *tid)
{
	_cleanup_(file_close) FILE *status = NULL;
	char path[64], line[256], *last;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", (int)pid, tid);
	status = fopen(path, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status)) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		last = strrchr(line, '\t');
		return last ? strtoull(last, NULL, 10) : 0;
	}
	return 0;
}

uint32_t thread_find_in_namespace(pid_t pid, uint32_t tid)
{
	_cleanup_(dir_close) DIR *tasks = NULL;
	struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	for (int i = 0; i < MAX_TASKS && tasks && (entry = readdir(tasks)); i++)
		if (entry->d_name[0] != '.' && innermost_tid(pid, entry->d_name) == tid)
			return (uint32_t)strtoul(entry->d_name, NULL, 10);
	return 0;
}
