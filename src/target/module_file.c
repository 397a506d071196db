/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens ELF files of a target from our side, so that containers need no special case.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "target/examine.h"
#include "target/mapped_file.h"

#define PAGE_MASK 4095ULL

static int open_image(struct module_file *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st)) {
		int r = -errno;

		close(fd);
		return r;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
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
	int fd, r;

	*ret_file = (struct module_file){ .path = strdup(path) };
	if (!ret_file->path || asprintf(&ret_file->host_path, "/proc/%d/root%s", pid, path) < 0) {
		ret_file->host_path = NULL;
		module_file__done(ret_file);
		return -ENOMEM;
	}
	fd = open_regular(ret_file->host_path);
	r = fd < 0 ? fd : open_image(ret_file, fd);
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

uint64_t module_bias(const struct maps *maps, const struct map_entry *map, const struct elf_image *img)
{
	const struct elf_segment *segs;
	size_t n = elf_image__segments(img, &segs);

	if (!elf_image__is_relocatable(img) || !n)
		return 0;
	for (size_t i = 0; i < maps->n; i++)
		if (!strcmp(maps->entries[i].path, map->path) &&
		    maps->entries[i].offset == (segs[0].file_offset & ~PAGE_MASK))
			return maps->entries[i].start - (segs[0].vaddr & ~PAGE_MASK);
	return 0;
}
