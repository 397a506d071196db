/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments, relocations, symbols and imports of an ELF file. libelf reads headers and tables with
 * pread() (ELF_C_READ); segments are read here on first use. Function ranges: eh_frame.c.
 */
#include "process/elf_image.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/work.h"
#include "process/eh_frame.h"
#include "process/elf_head.h"

#define MAX_FILE_BYTES (1ULL << 31)
#define MAX_LOAD_BYTES (512ULL << 20) /* all segments together; few are read */
#define MAX_READ_BYTES                                                                             \
	(64ULL << 20) /* of sections and segments: what the image keeps in memory                  \
		       */
#define MAX_READ_SECTIONS 64
#define MAX_SEGMENTS 32
#define MAX_NAME_BYTES 512 /* of a symbol that is looked for, with the suffix of a clone */
#define STEPS 4096 /* entries of a table; more take as long as a look at the clock */

struct elf_image {
	int fd;
	Elf *elf;
	size_t shstrndx;
	bool is_relocatable;
	size_t n_segments;
	struct elf_segment segments[MAX_SEGMENTS];
	uint64_t tls_bytes, tls_align; /* of the module's thread-local variables; 0: it has none */
	uint8_t *bytes[MAX_SEGMENTS];
	bool is_relocated;
	struct eh_frame *functions;
	uint64_t read_bytes;
	size_t n_read;
	Elf_Scn *read[MAX_READ_SECTIONS]; /* libelf keeps what it has read of each */
};

static int read_segments(struct elf_image *img)
{
	uint64_t load_bytes = 0;
	size_t n = 0;

	if (elf_getphdrnum(img->elf, &n))
		return -EINVAL;
	for (size_t i = 0; i < n && img->n_segments < MAX_SEGMENTS; i++) {
		struct elf_segment *seg = &img->segments[img->n_segments];
		GElf_Phdr ph;

		if (!gelf_getphdr(img->elf, (int)i, &ph))
			return -EINVAL;
		if (ph.p_type == PT_TLS) {
			img->tls_bytes = ph.p_memsz;
			img->tls_align = ph.p_align;
		}
		if (ph.p_type != PT_LOAD)
			continue;
		if (ph.p_vaddr + ph.p_memsz < ph.p_vaddr || ph.p_filesz > ph.p_memsz ||
		    ph.p_filesz > MAX_LOAD_BYTES || ph.p_offset > MAX_FILE_BYTES)
			return -EINVAL;
		load_bytes += ph.p_filesz;
		if (load_bytes > MAX_LOAD_BYTES)
			return -EFBIG;
		*seg = (struct elf_segment){
			.vaddr = ph.p_vaddr,
			.file_offset = ph.p_offset,
			.file_bytes = ph.p_filesz,
			.mem_bytes = ph.p_memsz,
			.is_code = ph.p_flags & PF_X,
			.is_writable = ph.p_flags & PF_W,
		};
		img->n_segments++;
	}
	return img->n_segments ? 0 : -EINVAL;
}

static int read_headers(struct elf_image *img)
{
	struct stat st;
	GElf_Ehdr eh;
	int r;

	if (fstat(img->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	if ((uint64_t)st.st_size > MAX_FILE_BYTES)
		return -EFBIG;
	r = elf_check_headers(img->fd);
	if (r)
		return r;
	elf_version(EV_CURRENT);
	img->elf = elf_begin(img->fd, ELF_C_READ, NULL);
	if (!img->elf || elf_kind(img->elf) != ELF_K_ELF || gelf_getclass(img->elf) != ELFCLASS64 ||
	    !gelf_getehdr(img->elf, &eh))
		return -ENOEXEC;
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != arch.elf_machine ||
	    (eh.e_type != ET_DYN && eh.e_type != ET_EXEC))
		return -ENOEXEC;
	img->is_relocatable = eh.e_type == ET_DYN;
	if (elf_getshdrstrndx(img->elf, &img->shstrndx))
		return -EINVAL;
	return read_segments(img);
}

int elf_image__open(struct elf_image **ret_image, int fd)
{
	_cleanup_(elf_image__freep) struct elf_image *img = calloc(1, sizeof(*img));
	int r;

	if (!img) {
		close(fd);
		return -ENOMEM;
	}
	img->fd = fd;
	r = read_headers(img);
	if (r)
		return r;
	*ret_image = TAKE_PTR(img);
	return 0;
}

void elf_image__free(struct elf_image *img)
{
	if (!img)
		return;
	for (size_t i = 0; i < img->n_segments; i++)
		free(img->bytes[i]);
	eh_frame__free(img->functions);
	elf_end(img->elf);
	fd_close(&img->fd);
	free(img);
}

bool elf_image__is_relocatable(const struct elf_image *img)
{
	return img->is_relocatable;
}

size_t elf_image__segments(const struct elf_image *img, const struct elf_segment **ret_segments)
{
	*ret_segments = img->segments;
	return img->n_segments;
}

static int segment_of(const struct elf_image *img, uint64_t vaddr)
{
	for (size_t i = 0; i < img->n_segments; i++)
		if (vaddr >= img->segments[i].vaddr &&
		    vaddr - img->segments[i].vaddr < img->segments[i].file_bytes)
			return (int)i;
	return -ENOENT;
}

/* Whether so much more of the file may be kept in memory. */
static bool reserve(struct elf_image *img, uint64_t bytes)
{
	if (bytes > MAX_READ_BYTES - img->read_bytes) {
		work_fail(-EFBIG);
		return false;
	}
	img->read_bytes += bytes;
	return true;
}

static bool is_read(const struct elf_image *img, const Elf_Scn *scn)
{
	for (size_t i = 0; i < img->n_read; i++)
		if (img->read[i] == scn)
			return true;
	return false;
}

static Elf_Data *section_data(struct elf_image *img, Elf_Scn *scn)
{
	Elf_Data *data;
	GElf_Shdr sh;

	if (!scn || work_check() || !gelf_getshdr(scn, &sh))
		return NULL;
	if (!is_read(img, scn)) {
		/* Sections may lie on top of each other: their number alone bounds nothing. */
		if (img->n_read == MAX_READ_SECTIONS ||
		    !reserve(img, sh.sh_type == SHT_NOBITS ? 0 : sh.sh_size)) {
			work_fail(-EFBIG);
			return NULL;
		}
		img->read[img->n_read++] = scn;
	}
	data = elf_getdata(scn, NULL);
	return data && data->d_buf ? data : NULL;
}

/*
 * A string table. One that does not end with a NUL is refused, because each look-up would scan it
 * to its end.
 */
static Elf_Data *string_data(struct elf_image *img, Elf_Scn *scn)
{
	Elf_Data *data = section_data(img, scn);

	return data && data->d_size && !((const char *)data->d_buf)[data->d_size - 1] ? data : NULL;
}

/* Whether a loop over a table has to end. */
static bool is_over(size_t i)
{
	return i % STEPS == STEPS - 1 && work_check();
}

/* The section after `scn` (NULL: the first) of this type. */
static Elf_Scn *next_section(struct elf_image *img, Elf_Scn *scn, uint32_t type,
			     GElf_Shdr *ret_shdr)
{
	while ((scn = elf_nextscn(img->elf, scn)))
		if (gelf_getshdr(scn, ret_shdr) && ret_shdr->sh_type == type)
			return scn;
	return NULL;
}

struct symbols {
	Elf_Data *data, *names;
	size_t n;
};

static int open_symbols(struct elf_image *img, uint32_t type, struct symbols *ret_symbols)
{
	GElf_Shdr sh;
	Elf_Scn *scn = next_section(img, NULL, type, &sh);

	if (!scn)
		return -ENOENT;
	ret_symbols->data = section_data(img, scn);
	ret_symbols->names = string_data(img, elf_getscn(img->elf, sh.sh_link));
	if (!ret_symbols->data || !ret_symbols->names)
		return -ENOENT;
	ret_symbols->n = ret_symbols->data->d_size / sizeof(Elf64_Sym);
	return 0;
}

/* Name of a symbol, NULL if it leaves the string table. */
static const char *symbol_at(const struct symbols *s, size_t i, GElf_Sym *ret_sym)
{
	if (i >= s->n || !gelf_getsym(s->data, (int)i, ret_sym) ||
	    ret_sym->st_name >= s->names->d_size)
		return NULL;
	return (const char *)s->names->d_buf + ret_sym->st_name;
}

/* A position among the relocations that the loader applies. All zero at first. */
struct rela_walk {
	Elf_Scn *scn;
	Elf_Data *data;
	size_t i;
};

static bool next_rela(struct elf_image *img, struct rela_walk *walk, GElf_Rela *ret_rela)
{
	GElf_Shdr sh;

	while (!walk->data || is_over(walk->i) ||
	       walk->i == walk->data->d_size / sizeof(Elf64_Rela) ||
	       !gelf_getrela(walk->data, (int)walk->i, ret_rela)) {
		walk->scn = next_section(img, walk->scn, SHT_RELA, &sh);
		if (!walk->scn)
			return false;
		walk->data = sh.sh_flags & SHF_ALLOC ? section_data(img, walk->scn) : NULL;
		walk->i = 0;
	}
	walk->i++;
	return true;
}

static void write_pointer(struct elf_image *img, uint64_t vaddr, uint64_t value)
{
	int i = segment_of(img, vaddr);

	if (i < 0 || !img->bytes[i] || img->segments[i].is_code ||
	    img->segments[i].file_bytes - (vaddr - img->segments[i].vaddr) < sizeof(value))
		return;
	memcpy(img->bytes[i] + (vaddr - img->segments[i].vaddr), &value, sizeof(value));
}

static void apply_relocations(struct elf_image *img)
{
	struct symbols syms;
	bool has_symbols = !open_symbols(img, SHT_DYNSYM, &syms);
	struct rela_walk walk = { 0 };
	GElf_Rela rela;
	GElf_Sym sym;

	while (next_rela(img, &walk, &rela)) {
		if (GELF_R_TYPE(rela.r_info) == arch.reloc_relative)
			write_pointer(img, rela.r_offset, (uint64_t)rela.r_addend);
		else if (GELF_R_TYPE(rela.r_info) == arch.reloc_abs && has_symbols &&
			 symbol_at(&syms, GELF_R_SYM(rela.r_info), &sym) && sym.st_shndx)
			write_pointer(img, rela.r_offset, sym.st_value + (uint64_t)rela.r_addend);
	}
}

static int load_segment(struct elf_image *img, size_t i)
{
	const struct elf_segment *seg = &img->segments[i];
	_cleanup_free_ uint8_t *bytes = NULL;
	uint64_t done = 0;

	if (img->bytes[i])
		return 0;
	if (work_check() || !reserve(img, seg->file_bytes))
		return -EFBIG;
	bytes = malloc(seg->file_bytes ? seg->file_bytes : 1);
	if (!bytes)
		return -ENOMEM;
	while (done < seg->file_bytes) {
		ssize_t n = pread(img->fd, bytes + done, seg->file_bytes - done,
				  (off_t)(seg->file_offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		done += (uint64_t)n;
	}
	img->bytes[i] = TAKE_PTR(bytes);
	return 0;
}

/* Relocations are applied to all data segments at once, the first time one is asked for. */
static int load_for(struct elf_image *img, size_t i)
{
	int r = load_segment(img, i);

	if (r || img->segments[i].is_code || img->is_relocated)
		return r;
	for (size_t k = 0; k < img->n_segments; k++)
		if (!img->segments[k].is_code && img->segments[k].is_writable)
			load_segment(img, k);
	img->is_relocated = true;
	apply_relocations(img);
	return 0;
}

const uint8_t *elf_image__bytes(struct elf_image *img, uint64_t vaddr, size_t min_bytes,
				size_t *ret_bytes)
{
	int i = segment_of(img, vaddr);
	uint64_t offset;

	if (i < 0 || work_step())
		return NULL;
	offset = vaddr - img->segments[i].vaddr;
	if (img->segments[i].file_bytes - offset < min_bytes || load_for(img, (size_t)i))
		return NULL;
	if (ret_bytes)
		*ret_bytes = img->segments[i].file_bytes - offset;
	return img->bytes[i] + offset;
}

bool elf_image__read_u64(struct elf_image *img, uint64_t vaddr, uint64_t *ret_value)
{
	const uint8_t *p = elf_image__bytes(img, vaddr, sizeof(*ret_value), NULL);

	if (!p)
		return false;
	memcpy(ret_value, p, sizeof(*ret_value));
	return true;
}

bool elf_image__is_code(const struct elf_image *img, uint64_t vaddr)
{
	int i = segment_of(img, vaddr);

	return i >= 0 && img->segments[i].is_code;
}

int elf_image__file_offset(const struct elf_image *img, uint64_t vaddr, uint64_t *ret_offset)
{
	int i = segment_of(img, vaddr);

	if (i < 0)
		return i;
	*ret_offset = vaddr - img->segments[i].vaddr + img->segments[i].file_offset;
	return 0;
}

bool elf_image__has_symtab(struct elf_image *img)
{
	struct symbols syms;

	return !open_symbols(img, SHT_SYMTAB, &syms) && syms.n > 1;
}

static int find_exported(struct elf_image *img, struct symbols *syms, const char *name,
			 GElf_Sym *ret_sym)
{
	int r = open_symbols(img, SHT_DYNSYM, syms);

	if (r)
		return r;
	for (size_t i = 1; i < syms->n && !is_over(i); i++) {
		const char *s = symbol_at(syms, i, ret_sym);

		if (s && ret_sym->st_shndx != SHN_UNDEF && !strcmp(s, name))
			return 0;
	}
	return -ENOENT;
}

int elf_image__exported(struct elf_image *img, const char *name, struct elf_symbol *ret_symbol)
{
	struct symbols syms;
	GElf_Sym sym;
	int r = find_exported(img, &syms, name, &sym);

	if (r)
		return r;
	*ret_symbol = (struct elf_symbol){
		.vaddr = sym.st_value,
		.size = sym.st_size,
		.is_function = GELF_ST_TYPE(sym.st_info) == STT_FUNC,
	};
	return 0;
}

/* How this relocation lets code reach the variable; ELF_TLS_DIRECT: it is of something else. */
static enum elf_tls_access tls_access(const struct symbols *syms, const char *name,
				      const GElf_Rela *rela, uint64_t offset)
{
	const uint32_t type = (uint32_t)GELF_R_TYPE(rela->r_info);
	GElf_Sym sym;
	const char *s = symbol_at(syms, GELF_R_SYM(rela->r_info), &sym);
	/* The linker names the module alone where nobody else can define the variable. */
	const bool is_own = !GELF_R_SYM(rela->r_info) && (uint64_t)rela->r_addend == offset;

	if (!is_own && (!s || strcmp(s, name)))
		return ELF_TLS_DIRECT;
	if (type == arch.reloc_tls_offset)
		return ELF_TLS_OFFSET;
	if (type == arch.reloc_tls_desc)
		return ELF_TLS_DESCRIPTOR;
	return type == arch.reloc_tls_module && !is_own ? ELF_TLS_MODULE : ELF_TLS_DIRECT;
}

int elf_image__thread_local(struct elf_image *img, const char *name, struct elf_tls *ret_tls)
{
	struct elf_tls tls = { .access = ELF_TLS_DIRECT };
	struct rela_walk walk = { 0 };
	struct symbols syms;
	GElf_Rela rela;
	GElf_Sym sym;
	int r = find_exported(img, &syms, name, &sym);

	if (r)
		return r;
	if (GELF_ST_TYPE(sym.st_info) != STT_TLS || sym.st_value >= img->tls_bytes)
		return -ENOENT;
	tls.offset = sym.st_value;
	tls.block_bytes = img->tls_bytes;
	tls.block_align = img->tls_align ?: 1;
	while (!tls.access && next_rela(img, &walk, &rela)) {
		tls.access = tls_access(&syms, name, &rela, tls.offset);
		tls.slot = rela.r_offset;
	}
	*ret_tls = tls;
	return 0;
}

static bool is_clone_of(const char *symbol, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(symbol, name, len))
		return false;
	if (!symbol[len])
		return true;
	return symbol[len] == '.' && strnlen(symbol, MAX_NAME_BYTES) < MAX_NAME_BYTES &&
		!strstr(symbol + len, ".cold") && !strstr(symbol + len, ".part");
}

size_t elf_image__functions_named(struct elf_image *img, const char *name,
				  struct elf_symbol *symbols, size_t max)
{
	struct symbols syms;
	size_t found = 0;

	if (open_symbols(img, SHT_SYMTAB, &syms))
		return 0;
	for (size_t i = 1; i < syms.n && found < max && !is_over(i); i++) {
		GElf_Sym sym;
		const char *s = symbol_at(&syms, i, &sym);

		if (!s || sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC ||
		    !is_clone_of(s, name) || !elf_image__is_code(img, sym.st_value))
			continue;
		symbols[found++] = (struct elf_symbol){
			.vaddr = sym.st_value,
			.size = sym.st_size,
			.is_function = true,
		};
	}
	return found;
}

static Elf_Scn *section_named(struct elf_image *img, const char *name, GElf_Shdr *ret_shdr)
{
	Elf_Data *names = string_data(img, elf_getscn(img->elf, img->shstrndx));
	Elf_Scn *scn = NULL;

	while (names && (scn = elf_nextscn(img->elf, scn)))
		if (gelf_getshdr(scn, ret_shdr) && ret_shdr->sh_name < names->d_size &&
		    !strcmp((const char *)names->d_buf + ret_shdr->sh_name, name))
			return scn;
	return NULL;
}

int elf_image__section(struct elf_image *img, const char *name, uint64_t *ret_vaddr,
		       uint64_t *ret_bytes)
{
	GElf_Shdr sh;

	if (!section_named(img, name, &sh))
		return -ENOENT;
	*ret_vaddr = sh.sh_addr;
	*ret_bytes = sh.sh_size;
	return 0;
}

/* Adds the stubs that jump through `slot`. */
static void add_stubs(struct elf_image *img, uint64_t slot, struct arch_callee *callee)
{
	for (const char *const *section = arch.plt_sections; *section; section++) {
		uint64_t vaddr, bytes, stub;
		const uint8_t *code;

		if (elf_image__section(img, *section, &vaddr, &bytes))
			continue;
		code = elf_image__bytes(img, vaddr, bytes, NULL);
		if (code && callee->n_entries < ARCH_CALLEE_MAX &&
		    arch_find_stub(code, bytes, vaddr, slot, &stub))
			callee->entries[callee->n_entries++] = stub;
	}
}

void elf_image__add_import(struct elf_image *img, const char *name, struct arch_callee *callee)
{
	struct rela_walk walk = { 0 };
	struct symbols syms;
	GElf_Rela rela;
	GElf_Sym sym;

	if (open_symbols(img, SHT_DYNSYM, &syms))
		return;
	while (callee->n_slots < ARCH_CALLEE_MAX && next_rela(img, &walk, &rela)) {
		const char *s;

		if (GELF_R_TYPE(rela.r_info) != arch.reloc_jump_slot &&
		    GELF_R_TYPE(rela.r_info) != arch.reloc_glob_dat)
			continue;
		s = symbol_at(&syms, GELF_R_SYM(rela.r_info), &sym);
		if (!s || strcmp(s, name))
			continue;
		callee->slots[callee->n_slots++] = rela.r_offset;
		add_stubs(img, rela.r_offset, callee);
	}
}

static int load_functions(struct elf_image *img)
{
	GElf_Shdr sh;
	Elf_Scn *scn = section_named(img, ".eh_frame", &sh);
	Elf_Data *data = section_data(img, scn);
	const char *ident = elf_getident(img->elf, NULL);

	if (!data || !ident)
		return -ENOENT;
	return eh_frame__new(&img->functions, (const unsigned char *)ident, data, sh.sh_addr);
}

int elf_image__function_range(struct elf_image *img, uint64_t vaddr, struct elf_range *ret_range)
{
	int r = work_step();

	if (!r && !img->functions)
		r = load_functions(img);

	return r ? r : eh_frame__find(img->functions, vaddr, ret_range);
}
