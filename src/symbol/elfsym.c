/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over .dynsym and .symtab for each address asked for: nothing is kept, and since a
 * process blocks at few different places, the answers are (see native.c). libelf reads the file
 * with pread(): a file that its owner cuts short meanwhile gives an error and not a signal.
 */
#include "symbol/elfsym.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define MAX_SECTION_BYTES (64 << 20) /* of a symbol or string table */

static void elf_endp(Elf **elf)
{
	elf_end(*elf);
}

struct search {
	Elf *elf;
	uint64_t addr;
	uint64_t best_start;
	const char *best; /* in libelf's memory */
	bool is_best_local;
};

static size_t leading_underscores(const char *name)
{
	return strspn(name, "_");
}

int elfsym__is_nicer(const char *a, int is_a_local, const char *b, int is_b_local)
{
	if (is_a_local != is_b_local)
		return is_b_local;
	if (leading_underscores(a) != leading_underscores(b))
		return leading_underscores(a) < leading_underscores(b);
	if (strlen(a) != strlen(b))
		return strlen(a) < strlen(b);
	return strcmp(a, b) < 0;
}

static int addr_of_offset(Elf *elf, uint64_t file_offset, uint64_t *ret_addr)
{
	size_t n, i;
	GElf_Phdr phdr;

	if (elf_getphdrnum(elf, &n) < 0)
		return -ENOEXEC;
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_LOAD)
			continue;
		if (file_offset < phdr.p_offset || file_offset - phdr.p_offset >= phdr.p_filesz)
			continue;
		*ret_addr = file_offset - phdr.p_offset + phdr.p_vaddr;
		return 0;
	}
	return -ENOENT;
}

static void search__symbol(struct search *s, const GElf_Sym *sym, size_t strings)
{
	bool is_local = GELF_ST_BIND(sym->st_info) == STB_LOCAL;
	unsigned int type = GELF_ST_TYPE(sym->st_info);
	const char *name;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || sym->st_shndx == SHN_UNDEF)
		return;
	if (s->addr < sym->st_value || s->addr - sym->st_value >= sym->st_size)
		return;
	/* The innermost of nested symbols is the more exact one. */
	if (s->best && sym->st_value < s->best_start)
		return;
	name = elf_strptr(s->elf, strings, sym->st_name);
	if (!name || !*name)
		return;
	if (s->best && sym->st_value == s->best_start &&
	    !elfsym__is_nicer(name, is_local, s->best, s->is_best_local))
		return;
	s->best = name;
	s->best_start = sym->st_value;
	s->is_best_local = is_local;
}

static bool is_bounded(Elf_Scn *section)
{
	GElf_Shdr shdr;

	return section && gelf_getshdr(section, &shdr) && shdr.sh_size <= MAX_SECTION_BYTES;
}

static void search__section(struct search *s, Elf_Scn *section)
{
	GElf_Shdr shdr;
	Elf_Data *data;
	GElf_Sym sym;
	size_t n, i;

	if (!gelf_getshdr(section, &shdr) ||
	    (shdr.sh_type != SHT_DYNSYM && shdr.sh_type != SHT_SYMTAB) ||
	    shdr.sh_entsize != sizeof(GElf_Sym) || !is_bounded(section) ||
	    !is_bounded(elf_getscn(s->elf, shdr.sh_link)))
		return;
	data = elf_getdata(section, NULL);
	if (!data)
		return;
	n = data->d_size / sizeof(GElf_Sym);
	for (i = 0; i < n; i++)
		if (gelf_getsym(data, (int)i, &sym))
			search__symbol(s, &sym, shdr.sh_link);
}

int elfsym__find(int fd, uint64_t file_offset, char *name, size_t size)
{
	_cleanup_(elf_endp) Elf *elf = NULL;
	Elf_Scn *section = NULL;
	struct search search;
	int r;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64)
		return -ENOEXEC;
	search = (struct search){ .elf = elf };
	r = addr_of_offset(elf, file_offset, &search.addr);
	if (r < 0)
		return r;
	while ((section = elf_nextscn(elf, section)))
		search__section(&search, section);
	if (!search.best)
		return -ENOENT;
	utf8__sanitize(search.best, name, size);
	return 0;
}
