/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens ELF files of a target from our side, so that containers need no special case.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/examine.h"
#include "process/mapped_file.h"
#include "process/target_file.h"

static int open_image(struct module_file *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st)) {
		int r = -errno;

		close(fd);
		return r;
	}
	f->stamp = (struct file_stamp){ st.st_dev, st.st_ino, (uint64_t)st.st_size,
					(uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec };
	return elf_image__open(&f->img, fd);
}

int module_file__open(struct module_file *ret_file, pid_t pid, const struct map_entry *map)
{
	int fd, r;

	*ret_file = (struct module_file){ .path = strdup(map->path) };
	if (!ret_file->path)
		return -ENOMEM;
	fd = mapped_file__open(pid, map, &ret_file->host_path);
	r = fd < 0 ? fd : open_image(ret_file, fd);
	if (r)
		module_file__done(ret_file);
	return r;
}

int module_file__open_path(struct module_file *ret_file, pid_t pid, const char *path)
{
	_cleanup_fd_ int fd = target_open(pid, path);
	_cleanup_free_ char *real = NULL;
	int r = fd < 0 ? fd : target_fd_path(pid, fd, &real);

	if (r)
		return r;
	*ret_file = (struct module_file){ .path = strdup(path) };
	/* The kernel opens it once more for a probe, and would resolve a symbolic link in our root.
	 */
	if (asprintf(&ret_file->host_path, "/proc/%d/root%s", pid, real) < 0)
		ret_file->host_path = NULL;
	r = ret_file->path && ret_file->host_path ? open_image(ret_file, TAKE_FD(fd)) : -ENOMEM;
	if (r)
		module_file__done(ret_file);
	return r;
}

void module_file__done(struct module_file *f)
{
	free(f->path);
	free(f->host_path);
	elf_image__free(f->img);
	*f = (struct module_file){ 0 };
}

uint64_t module_bias(const struct maps *maps, const struct map_entry *map,
		     const struct elf_image *img)
{
	const struct elf_segment *segs;
	size_t n = elf_image__segments(img, &segs);
	const uint64_t in_page = (uint64_t)sysconf(_SC_PAGESIZE) - 1;

	if (!elf_image__is_relocatable(img) || !n)
		return 0;
	for (size_t i = 0; i < maps->n; i++)
		if (!strcmp(maps->entries[i].path, map->path) &&
		    maps->entries[i].offset == (segs[0].file_offset & ~in_page))
			return maps->entries[i].start - (segs[0].vaddr & ~in_page);
	return 0;
}
