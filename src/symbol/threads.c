/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translates thread identities with /proc/PID/task. An id found in the C library's own
 * structure is believed only if the process has such a thread: one that is not glibc keeps something else there.
 */
#include "symbol/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/arch.h"

/* The first minor version whose thread states have a native thread id. */
#define MINOR_WITH_NATIVE_ID 11

static bool has_task(pid_t pid, uint64_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%llu", (int)pid, (unsigned long long)tid);
	return access(path, F_OK) == 0;
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

static uint32_t find_in_namespace(pid_t pid, uint64_t tid)
{
	_cleanup_(dir_close) DIR *tasks = NULL;
	struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && innermost_tid(pid, entry->d_name) == tid)
			return (uint32_t)strtoul(entry->d_name, NULL, 10);
	return 0;
}

uint32_t thread_tid(const struct pyimage *image, pid_t pid, bool is_pid_ns, uint64_t id)
{
	int32_t tid;

	if (id == 0)
		return 0;
	if (image->py.minor < MINOR_WITH_NATIVE_ID) {
		if (image->memory.read(image->memory.ctx, id + arch.pthread_tid_offset, &tid,
				       sizeof(tid)) < 0)
			return 0;
		id = tid > 0 ? (uint64_t)tid : 0;
	}
	if (id == 0 || id > INT32_MAX)
		return 0;
	if (is_pid_ns)
		return find_in_namespace(pid, id);
	/* The interpreter's own word is good even when the thread has ended since. */
	if (image->py.minor >= MINOR_WITH_NATIVE_ID)
		return (uint32_t)id;
	return has_task(pid, id) ? (uint32_t)id : 0;
}
