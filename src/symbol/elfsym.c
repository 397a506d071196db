/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index is sorted when it is first asked. Symbols may nest and may have several names; the
 * innermost one counts, and of its names the nicest.
 */
#include "symbol/elfsym.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "symbol/minidebug.h"

#define MAX_READ_BYTES (64U << 20) /* of all symbol and string tables together */
#define MAX_SYMBOLS (1U << 19)
#define MAX_SEGMENTS 64
#define MAX_NAME 1024 /* the rest is cut */
#define MAX_NESTING 64 /* of symbols: more are not looked through */

struct symbol {
	uint64_t start, end;
	uint64_t reach; /* the highest end so far, in the order of starts */
	uint32_t name; /* offset in the texts */
	bool is_local;
};

struct segment {
	uint64_t offset, bytes, vaddr;
};

struct elfsym {
	struct segment segments[MAX_SEGMENTS];
	size_t n_segments;
	struct symbol *symbols;
	size_t n, n_room;
	char *texts;
	size_t n_text, n_text_room;
	uint64_t bytes_left; /* to read */
	bool is_sorted;
	char build_id[BUILD_ID_TEXT_BYTES];
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

static void read_segments(struct elfsym *s, Elf *elf)
{
	GElf_Phdr phdr;
	size_t n = 0;

	if (elf_getphdrnum(elf, &n) < 0)
		return;
	for (size_t i = 0; i < n && s->n_segments < MAX_SEGMENTS; i++)
		if (gelf_getphdr(elf, (int)i, &phdr) && phdr.p_type == PT_LOAD)
			s->segments[s->n_segments++] =
				(struct segment){ phdr.p_offset, phdr.p_filesz, phdr.p_vaddr };
}

/* Up to its version or what the compiler did to it: "deflate@@ZLIB_1.2.0", "scan_once.isra.0". */
static size_t name_bytes(const char *text)
{
	static const char *const clones[] = { ".isra.", ".constprop.", ".part.",     ".cold",
					      ".llvm.", ".lto_priv.",  ".localalias" };
	size_t n = strnlen(text, MAX_NAME);
	const char *end = memchr(text, '@', n);

	if (end)
		n = (size_t)(end - text);
	end = n ? memchr(text + 1, '.', n - 1) : NULL;
	for (size_t i = 0; end && i < N_OF(clones); i++)
		if (!strncmp(end, clones[i], strlen(clones[i])))
			return (size_t)(end - text);
	return n;
}

static int add_text(struct elfsym *s, const char *text, uint32_t *ret_at)
{
	const size_t n = name_bytes(text);
	int r = ARRAY_RESERVE(s->texts, s->n_text_room, s->n_text + n + 1);

	if (r < 0)
		return r;
	memcpy(s->texts + s->n_text, text, n);
	s->texts[s->n_text + n] = '\0';
	*ret_at = (uint32_t)s->n_text;
	s->n_text += n + 1;
	return 0;
}

static int add_symbol(struct elfsym *s, const GElf_Sym *sym, const char *name)
{
	const unsigned int type = GELF_ST_TYPE(sym->st_info);
	struct symbol symbol = { .start = sym->st_value,
				 .is_local = GELF_ST_BIND(sym->st_info) == STB_LOCAL };
	int r;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || sym->st_shndx == SHN_UNDEF ||
	    !sym->st_size || !name || !*name || s->n >= MAX_SYMBOLS ||
	    s->n_text >= MAX_READ_BYTES ||
	    __builtin_add_overflow(sym->st_value, sym->st_size, &symbol.end))
		return 0;
	r = ARRAY_RESERVE(s->symbols, s->n_room, s->n + 1);
	if (r >= 0)
		r = add_text(s, name, &symbol.name);
	if (r < 0)
		return r;
	s->symbols[s->n++] = symbol;
	return 0;
}

static Elf_Data *read_section(struct elfsym *s, Elf_Scn *section)
{
	GElf_Shdr shdr;

	if (!section || !gelf_getshdr(section, &shdr) || shdr.sh_size > s->bytes_left)
		return NULL;
	s->bytes_left -= shdr.sh_size;
	return elf_getdata(section, NULL);
}

/* One that does not end with a NUL would be searched anew for each string. */
static bool is_closed(const Elf_Data *strings)
{
	return strings && strings->d_buf && strings->d_size &&
		!((const char *)strings->d_buf)[strings->d_size - 1];
}

static int add_section(struct elfsym *s, Elf *elf, Elf_Scn *section)
{
	GElf_Shdr shdr;
	Elf_Data *data;
	GElf_Sym sym;
	int r = 0;

	if (!gelf_getshdr(section, &shdr) ||
	    (shdr.sh_type != SHT_DYNSYM && shdr.sh_type != SHT_SYMTAB) ||
	    shdr.sh_entsize != sizeof(GElf_Sym))
		return 0;
	data = read_section(s, section);
	if (!data || !is_closed(read_section(s, elf_getscn(elf, shdr.sh_link))))
		return 0;
	for (size_t i = 0; r >= 0 && i < data->d_size / sizeof(GElf_Sym); i++)
		if (gelf_getsym(data, (int)i, &sym))
			r = add_symbol(s, &sym, elf_strptr(elf, shdr.sh_link, sym.st_name));
	return r;
}

static int add_sections(struct elfsym *s, Elf *elf)
{
	Elf_Scn *section = NULL;
	int r = 0;

	s->is_sorted = false;
	while (r >= 0 && (section = elf_nextscn(elf, section)))
		r = add_section(s, elf, section);
	return r;
}

/* Without them, or with damaged ones, the file's own are all there are. */
static int add_minidebug(struct elfsym *s, Elf *packed, int fd)
{
	_cleanup_(elf_endp) Elf *elf = NULL;
	_cleanup_fd_ int unpacked = -1;
	int r = minidebug__open(packed, fd, &unpacked);

	if (r >= 0)
		r = elf_open(&elf, unpacked);
	if (r >= 0)
		r = add_sections(s, elf);
	return r == -ENOMEM ? r : 0;
}

int elfsym__new(struct elfsym **ret_symbols, int fd)
{
	_cleanup_(elfsym__freep) struct elfsym *s = calloc(1, sizeof(*s));
	_cleanup_(elf_endp) Elf *elf = NULL;
	int r;

	if (!s)
		return -ENOMEM;
	r = elf_open(&elf, fd);
	if (r < 0)
		return r;
	s->bytes_left = MAX_READ_BYTES;
	read_segments(s, elf);
	if (elf_build_id(elf, s->build_id) < 0)
		s->build_id[0] = '\0';
	r = add_sections(s, elf);
	if (r >= 0)
		r = add_minidebug(s, elf, fd);
	if (r < 0)
		return r;
	*ret_symbols = TAKE_PTR(s);
	return 0;
}

void elfsym__free(struct elfsym *s)
{
	if (!s)
		return;
	free(s->symbols);
	free(s->texts);
	free(s);
}

const char *elfsym__build_id(const struct elfsym *s)
{
	return s->build_id;
}

int elfsym__add_debug_file(struct elfsym *s, int fd)
{
	_cleanup_(elf_endp) Elf *elf = NULL;
	char build_id[BUILD_ID_TEXT_BYTES];
	int r = elf_open(&elf, fd);

	if (r < 0)
		return r;
	if (elf_build_id(elf, build_id) < 0 || strcmp(build_id, s->build_id) != 0)
		return -ENOENT;
	return add_sections(s, elf);
}

size_t elfsym__bytes(const struct elfsym *s)
{
	return sizeof(*s) + s->n_room * sizeof(*s->symbols) + s->n_text_room;
}

int elfsym__vaddr(const struct elfsym *s, uint64_t file_offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < s->n_segments; i++) {
		const struct segment *segment = &s->segments[i];

		if (file_offset < segment->offset ||
		    file_offset - segment->offset >= segment->bytes)
			continue;
		*ret_vaddr = file_offset - segment->offset + segment->vaddr;
		return 0;
	}
	return -ENOENT;
}

/* Of equal starts the nicest is the last one. */
static int symbol_compare(const void *va, const void *vb, void *texts)
{
	const struct symbol *a = va, *b = vb;
	const char *a_name = (const char *)texts + a->name, *b_name = (const char *)texts + b->name;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (elfsym__is_nicer(a_name, a->is_local, b_name, b->is_local))
		return 1;
	return elfsym__is_nicer(b_name, b->is_local, a_name, a->is_local) ? -1 : 0;
}

static void elfsym__sort(struct elfsym *s)
{
	uint64_t reach = 0;

	if (s->is_sorted)
		return;
	s->is_sorted = true;
	if (s->n)
		qsort_r(s->symbols, s->n, sizeof(*s->symbols), symbol_compare, s->texts);
	for (size_t i = 0; i < s->n; i++) {
		if (s->symbols[i].end > reach)
			reach = s->symbols[i].end;
		s->symbols[i].reach = reach;
	}
}

/* The number of symbols that start at or before an address. */
static size_t n_before(const struct elfsym *s, uint64_t vaddr)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (s->symbols[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int elfsym__name(struct elfsym *s, uint64_t vaddr, char *name, size_t size)
{
	elfsym__sort(s);
	for (size_t i = n_before(s, vaddr), n = 0; i > 0 && n < MAX_NESTING; i--, n++) {
		const struct symbol *symbol = &s->symbols[i - 1];

		if (symbol->reach <= vaddr)
			break;
		if (vaddr >= symbol->end)
			continue;
		utf8__sanitize(s->texts + symbol->name, name, size);
		return 0;
	}
	return -ENOENT;
}

uint64_t elfsym__function_bytes(const struct elfsym *s, const char *name)
{
	uint64_t largest_bytes = 0;

	for (size_t i = 0; i < s->n; i++) {
		const uint64_t bytes = s->symbols[i].end - s->symbols[i].start;

		if (bytes > largest_bytes && !strcmp(s->texts + s->symbols[i].name, name))
			largest_bytes = bytes;
	}
	return largest_bytes;
}
