/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See path_walk.h.
 */
#include "process/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_LINKS 40 /* the kernel's own bound */
#define MAX_OPENS 1000

struct walk {
	int root_fd, fd; /* `fd` is what it has come to */
	unsigned int n_links, n_opens;
	char done[PATH_MAX]; /* the path to `fd`: no links, no ".." */
	char rest[PATH_MAX];
};

static void walk__done(struct walk *w)
{
	fd_close(&w->fd);
}

static int walk__restart(struct walk *w)
{
	fd_close(&w->fd);
	w->fd = fcntl(w->root_fd, F_DUPFD_CLOEXEC, 0);
	*w->done = 0;
	return w->fd < 0 ? -errno : 0;
}

static int walk__put_first(struct walk *w, const char *path)
{
	const size_t size = strlen(path), rest_size = strlen(w->rest);

	if (size + 1 + rest_size >= sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + size + 1, w->rest, rest_size + 1);
	memcpy(w->rest, path, size);
	w->rest[size] = '/';
	return 0;
}

static int walk__go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');
	int r;

	if (slash)
		*slash = 0;
	r = walk__put_first(w, w->done);
	return r ? r : walk__restart(w);
}

/* proc(5): those that lead to a file have its path, or "pipe:[4711]"; others are like "self". */
static bool is_made_by_kernel(int link_fd, const char *text)
{
	struct statfs fs;

	return (*text == '/' || strchr(text, ':')) && !fstatfs(link_fd, &fs) &&
		fs.f_type == PROC_SUPER_MAGIC;
}

static int walk__follow(struct walk *w, int link_fd)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(link_fd, "", text, sizeof(text) - 1);
	int r;

	if (n < 0)
		return -errno;
	text[n] = 0;
	if (++w->n_links > MAX_LINKS || is_made_by_kernel(link_fd, text))
		return -ELOOP;
	r = walk__put_first(w, text);
	return r || *text != '/' ? r : walk__restart(w);
}

static int walk__enter(struct walk *w, const char *name)
{
	_cleanup_fd_ int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const size_t size = strlen(w->done);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (++w->n_opens > MAX_OPENS)
		return -ELOOP;
	if (S_ISLNK(st.st_mode))
		return walk__follow(w, fd);
	if (snprintf(w->done + size, sizeof(w->done) - size, "/%s", name) >=
	    (int)(sizeof(w->done) - size))
		return -ENAMETOOLONG;
	fd_close(&w->fd);
	w->fd = TAKE_FD(fd);
	return 0;
}

static bool is_over(const struct walk *w)
{
	return !w->rest[strspn(w->rest, "/")];
}

static int walk__step(struct walk *w)
{
	const char *begin = w->rest + strspn(w->rest, "/");
	const size_t size = strcspn(begin, "/");
	char name[NAME_MAX + 1];

	if (size >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, begin, size);
	name[size] = 0;
	memmove(w->rest, begin + size, strlen(begin + size) + 1);
	if (!strcmp(name, "."))
		return 0;
	return strcmp(name, "..") ? walk__enter(w, name) : walk__go_up(w);
}

int path_walk(int root_fd, const char *path, int flags)
{
	_cleanup_(walk__done) struct walk w = { .root_fd = root_fd, .fd = -1 };
	struct stat st;
	int r = walk__put_first(&w, path);

	if (!r)
		r = walk__restart(&w);
	while (!r && !is_over(&w))
		r = walk__step(&w);
	if (r)
		return r;
	if (fstat(w.fd, &st))
		return -errno;
	return flags & O_DIRECTORY && !S_ISDIR(st.st_mode) ? -ENOTDIR : TAKE_FD(w.fd);
}
