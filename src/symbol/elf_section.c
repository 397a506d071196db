/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See elf_section.h.
 */
#include "symbol/elf_section.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/elf_head.h"

#define MAX_NOTE_BYTES 65536
#define MAX_BUILD_ID 64

int elf_open(Elf **ret_elf, int fd)
{
	_cleanup_(elf_endp) Elf *elf = NULL;

	if (elf_check_headers(fd))
		return -ENOEXEC;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64)
		return -ENOEXEC;
	*ret_elf = TAKE_PTR(elf);
	return 0;
}

static bool is_called(Elf *elf, size_t names, const GElf_Shdr *shdr, const char *name)
{
	const char *own = elf_strptr(elf, names, shdr->sh_name);

	return own && !strcmp(own, name);
}

static int read_all(int fd, uint64_t offset, size_t size, uint8_t **ret_bytes)
{
	_cleanup_free_ uint8_t *bytes = malloc(size);

	if (!bytes)
		return -ENOMEM;
	for (size_t done = 0; done < size;) {
		const ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (n <= 0)
			return n ? -errno : -ENOENT;
		done += (size_t)n;
	}
	*ret_bytes = TAKE_PTR(bytes);
	return 0;
}

int elf_section_read(Elf *elf, int fd, const char *name, size_t max_bytes, uint8_t **ret_bytes,
		     size_t *ret_size, uint64_t *ret_vaddr)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;
	size_t names;
	int r;

	if (elf_getshdrstrndx(elf, &names))
		return -ENOENT;
	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &shdr) || !is_called(elf, names, &shdr, name))
			continue;
		if (shdr.sh_type == SHT_NOBITS || (shdr.sh_flags & SHF_COMPRESSED) ||
		    !shdr.sh_size || shdr.sh_size > max_bytes || shdr.sh_offset > INT64_MAX / 2)
			return -ENOENT;
		r = read_all(fd, shdr.sh_offset, shdr.sh_size, ret_bytes);
		if (r < 0)
			return r;
		*ret_size = shdr.sh_size;
		*ret_vaddr = shdr.sh_addr;
		return 0;
	}
	return -ENOENT;
}

static int find_note(Elf_Data *data, char text[BUILD_ID_TEXT_BYTES])
{
	size_t at = 0, next, name, desc, n;
	GElf_Nhdr note;

	while ((next = gelf_getnote(data, at, &note, &name, &desc)) > at) {
		const uint8_t *id = (const uint8_t *)data->d_buf + desc;

		at = next;
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp((const char *)data->d_buf + name, "GNU", sizeof("GNU")) != 0 ||
		    note.n_descsz < 2 || note.n_descsz > MAX_BUILD_ID)
			continue;
		n = 0;
		for (size_t i = 0; i < note.n_descsz; i++)
			n += (size_t)snprintf(text + n, BUILD_ID_TEXT_BYTES - n, "%02x%s", id[i],
					      i == 0 ? "/" : "");
		return 0;
	}
	return -ENOENT;
}

int elf_build_id(Elf *elf, char text[BUILD_ID_TEXT_BYTES])
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, &shdr) || shdr.sh_type != SHT_NOTE ||
		    shdr.sh_size > MAX_NOTE_BYTES)
			continue;
		data = elf_getdata(section, NULL);
		if (data && data->d_buf && !find_note(data, text))
			return 0;
	}
	return -ENOENT;
}
