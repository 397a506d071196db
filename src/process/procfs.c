/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers and parsers of /proc/<pid> files. Source of the formats: proc(5).
 */
#include "process/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash.h"

#define MAX_PROC_BYTES (64U << 20)
#define MAX_MAPS 100000
#define PF_KTHREAD 0x00200000

static const char deleted_suffix[] = " (deleted)";

static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, capacity = 0;
	char *fitting;

	for (;;) {
		ssize_t n;

		if (capacity - size < 2) {
			char *bigger;

			capacity = capacity ? 2 * capacity : 16384;
			if (capacity > MAX_PROC_BYTES)
				return -EFBIG;
			bigger = realloc(text, capacity);
			if (!bigger)
				return -ENOMEM;
			text = bigger;
		}
		n = read(fd, text + size, capacity - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		size += (size_t)n;
	}
	text[size] = 0;
	/* Shrink the buffer: some texts are kept as long as the process is watched. */
	fitting = realloc(text, size + 1);
	if (fitting)
		text = fitting;
	*ret_text = TAKE_PTR(text);
	if (ret_size)
		*ret_size = size;
	return 0;
}

static int read_path(const char *path, char **ret_text, size_t *ret_size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_all(fd, ret_text, ret_size);
}

int proc_read(pid_t pid, const char *name, char **ret_text, size_t *ret_size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return read_path(path, ret_text, ret_size);
}

int proc_readlink(pid_t pid, const char *name, char **ret_target)
{
	char path[64], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	*ret_target = strdup(target);
	return *ret_target ? 0 : -ENOMEM;
}

int proc_cmdline(pid_t pid, char **ret_cmdline)
{
	size_t size;
	int r = proc_read(pid, "cmdline", ret_cmdline, &size);

	if (r)
		return r;
	while (size && !(*ret_cmdline)[size - 1])
		size--;
	for (size_t i = 0; i < size; i++)
		if (!(*ret_cmdline)[i])
			(*ret_cmdline)[i] = ' ';
	return 0;
}

const char *proc_inner_path(const char *root, const char *path)
{
	const size_t len = strlen(root);

	return len > 1 && !strncmp(path, root, len) && path[len] == '/' ? path + len : path;
}

int proc_root(pid_t pid, char **ret_root)
{
	int r = proc_readlink(pid, "root", ret_root);

	if (r != -EACCES && r != -EPERM && r != -ENOENT)
		return r;
	*ret_root = strdup("");
	return *ret_root ? 0 : -ENOMEM;
}

static bool cut_deleted(char *path)
{
	const size_t len = strlen(path), note = sizeof(deleted_suffix) - 1;
	const bool is_deleted = len > note && !strcmp(path + len - note, deleted_suffix);

	if (is_deleted)
		path[len - note] = 0;
	return is_deleted;
}

int proc_exe(pid_t pid, char **ret_exe, bool *ret_is_deleted)
{
	_cleanup_free_ char *exe = NULL, *root = NULL;
	bool is_deleted;
	int r = proc_readlink(pid, "exe", &exe);

	if (!r)
		r = proc_root(pid, &root);
	if (r)
		return r;
	is_deleted = cut_deleted(exe);
	*ret_exe = strdup(proc_inner_path(root, exe));
	if (!*ret_exe)
		return -ENOMEM;
	if (ret_is_deleted)
		*ret_is_deleted = is_deleted;
	return 0;
}

int proc_find_thread(pid_t pid, uint32_t tid)
{
	struct stat st;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)pid, tid);
	return stat(path, &st) ? -errno : 0;
}

/* cgroups(7): "hierarchy:controllers:path", the unified one being number 0 without controllers. */
char *proc_cgroup__parse(char *text)
{
	char *line, *next, *first = NULL;

	for (line = text; line && *line; line = next) {
		char *path = strchr(line, ':');

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		path = path ? strchr(path + 1, ':') : NULL;
		if (!path || path[1] != '/' || !path[2])
			continue;
		if (!strncmp(line, "0::", 3))
			return path + 1;
		if (!first)
			first = path + 1;
	}
	return first;
}

/* The kernel writes a newline inside a path as \012. */
static void unescape_newlines(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
}

static bool parse_map(char *line, const char *root, struct map_entry *ret_entry)
{
	unsigned int major, minor;
	uint64_t ino;
	char perms[5];
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &ret_entry->start, &ret_entry->end, perms, &ret_entry->offset, &major, &minor,
		   &ino, &path) != 7 ||
	    !path || line[path] != '/' || ret_entry->end <= ret_entry->start)
		return false;
	ret_entry->dev = makedev(major, minor);
	ret_entry->ino = ino;
	ret_entry->is_executable = strchr(perms, 'x');
	ret_entry->is_deleted = cut_deleted(line + path);
	unescape_newlines(line + path);
	ret_entry->path = proc_inner_path(root, line + path);
	ret_entry->name = strrchr(ret_entry->path, '/') + 1;
	return true;
}

static size_t count_lines(const char *text, size_t size)
{
	size_t n = 1;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '\n';
	return n < MAX_MAPS ? n : MAX_MAPS;
}

int maps__parse(struct maps **ret_maps, const char *text, size_t size, const char *root)
{
	_cleanup_(maps__freep) struct maps *m = calloc(1, sizeof(*m));
	size_t max = count_lines(text, size);
	char *line, *next;

	if (!m)
		return -ENOMEM;
	m->text = malloc(size + 1);
	m->entries = calloc(max, sizeof(*m->entries));
	if (!m->text || !m->entries)
		return -ENOMEM;
	memcpy(m->text, text, size);
	m->text[size] = 0;
	for (line = m->text; line && m->n < max; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (parse_map(line, root, &m->entries[m->n]))
			m->n++;
	}
	*ret_maps = TAKE_PTR(m);
	return 0;
}

int maps__read(struct maps **ret_maps, pid_t pid)
{
	_cleanup_free_ char *text = NULL, *root = NULL;
	size_t size;
	int r = proc_read(pid, "maps", &text, &size);

	if (!r)
		r = proc_root(pid, &root);
	return r ? r : maps__parse(ret_maps, text, size, root);
}

void maps__free(struct maps *m)
{
	if (!m)
		return;
	free(m->entries);
	free(m->text);
	free(m);
}

uint64_t maps__stamp(const struct maps *m)
{
	uint64_t stamp = m->n;

	for (size_t i = 0; i < m->n; i++) {
		const struct map_entry *e = &m->entries[i];
		const uint64_t words[] = { e->start, e->end, e->offset, e->ino, e->is_deleted };

		for (size_t k = 0; k < N_OF(words); k++)
			stamp = hash_word(stamp, words[k]);
	}
	return stamp;
}

const struct map_entry *maps__find_path(const struct maps *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->entries[i].path, path))
			return &m->entries[i];
	return NULL;
}

const struct map_entry *maps__find_name(const struct maps *m, const char *prefix)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strncmp(m->entries[i].name, prefix, strlen(prefix)))
			return &m->entries[i];
	return NULL;
}

const struct map_entry *maps__find_part(const struct maps *m, const char *part)
{
	for (size_t i = 0; i < m->n; i++)
		if (strstr(m->entries[i].path, part))
			return &m->entries[i];
	return NULL;
}

/* The name may hold spaces and parentheses: it ends at the last one. */
int proc_stat__parse(struct proc_stat *ret_stat, const char *text)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned int flags;
	size_t len;

	if (!open || !close || close < open)
		return -EINVAL;
	*ret_stat = (struct proc_stat){ 0 };
	len = (size_t)(close - open - 1);
	if (len >= sizeof(ret_stat->comm))
		len = sizeof(ret_stat->comm) - 1;
	memcpy(ret_stat->comm, open + 1, len);
	if (sscanf(close + 1,
		   " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%" SCNu64,
		   &ret_stat->state, &ret_stat->ppid, &flags, &ret_stat->start_time_ticks) != 4)
		return -EINVAL;
	ret_stat->is_kernel_thread = flags & PF_KTHREAD;
	return 0;
}

int proc_stat__read(struct proc_stat *ret_stat, pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	int r = proc_read(pid, "stat", &text, NULL);

	return r ? r : proc_stat__parse(ret_stat, text);
}

int proc_vm_pages(pid_t pid, uint64_t *ret_pages)
{
	_cleanup_free_ char *text = NULL;
	uint64_t pages;
	int r = proc_read(pid, "statm", &text, NULL);

	if (r)
		return r;
	if (sscanf(text, "%" SCNu64, &pages) != 1)
		return -EINVAL;
	if (!pages)
		return -ESRCH;
	*ret_pages = pages;
	return 0;
}

static const char *status_line(const char *text, const char *key)
{
	const char *p = text;
	size_t len = strlen(key);

	for (; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, key, len))
			return p + len;
	return NULL;
}

int proc_status__parse(struct proc_status *ret_status, const char *text)
{
	const char *tgid = status_line(text, "Tgid:"), *uid = status_line(text, "Uid:");
	const char *ns = status_line(text, "NSpid:");
	char *end;

	*ret_status = (struct proc_status){ 0 };
	if (!tgid || !uid || sscanf(tgid, "%d", &ret_status->tgid) != 1 ||
	    sscanf(uid, "%*u %u", &ret_status->uid) != 1)
		return -EINVAL;
	while (ns) {
		long value;

		while (*ns == '\t' || *ns == ' ')
			ns++;
		value = strtol(ns, &end, 10);
		if (end == ns || *ns == '\n')
			break;
		ret_status->ns_pid = (pid_t)value;
		ns = end;
	}
	return 0;
}

int proc_status__read(struct proc_status *ret_status, pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	char name[40];
	int r;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	r = proc_read(pid, name, &text, NULL);
	return r ? r : proc_status__parse(ret_status, text);
}

static bool has_number(const char *line, unsigned long wanted)
{
	char *end;

	for (; *line && *line != '\n'; line = end) {
		while (*line == '\t' || *line == ' ')
			line++;
		if (strtoul(line, &end, 10) == wanted && end != line)
			return true;
		if (end == line)
			return false;
	}
	return false;
}

bool proc_status_has_group(const char *text, gid_t gid)
{
	const char *own = status_line(text, "Gid:"), *others = status_line(text, "Groups:");

	return (own && has_number(own, gid)) || (others && has_number(others, gid));
}

int proc_may_read(pid_t pid, const struct stat *st)
{
	_cleanup_free_ char *text = NULL;
	struct proc_status status;
	int r = proc_read(pid, "status", &text, NULL);

	if (!r)
		r = proc_status__parse(&status, text);
	if (r)
		return r;
	if (status.uid == 0)
		return 1;
	if (status.uid == st->st_uid)
		return !!(st->st_mode & S_IRUSR);
	if (proc_status_has_group(text, st->st_gid))
		return !!(st->st_mode & S_IRGRP);
	return !!(st->st_mode & S_IROTH);
}

int proc_thread_comm(pid_t pid, pid_t tid, char *buf, size_t size)
{
	_cleanup_free_ char *text = NULL;
	char name[40];
	int r;

	snprintf(name, sizeof(name), "task/%d/comm", tid);
	r = proc_read(pid, name, &text, NULL);
	if (r)
		return r;
	text[strcspn(text, "\n")] = 0;
	snprintf(buf, size, "%s", text);
	return 0;
}
