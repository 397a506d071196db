/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files made to cost time or memory: sparse, so that a few KiB of disk are enough. What they
 * cost is bounded.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "base/work.h"
#include "process/elf_image.h"
#include "../deadline.h"

#define MIB (1ULL << 20)
#define SECTIONS_AT 4096
#define NAMES_AT 1024
#define ALLOWANCE_NS (100 * NS_PER_MS)

static const char section_names[] = "\0.dynsym\0.eh_frame";

static void put(int fd, const void *bytes, size_t size, uint64_t at)
{
	cr_assert_eq(pwrite(fd, bytes, size, (off_t)at), (ssize_t)size);
}

struct file {
	int fd;
	Elf64_Ehdr head;
	size_t n_sections;
};

/* One segment of code and data, no sections yet but those that each file has. */
static struct file make_file(uint64_t size, uint64_t load_bytes)
{
	struct file f = { .fd = memfd_create("hostile", MFD_CLOEXEC) };
	const Elf64_Phdr load = { .p_type = PT_LOAD,
				  .p_flags = PF_R | PF_W,
				  .p_filesz = load_bytes,
				  .p_memsz = load_bytes };

	f.head = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = arch.elf_machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = SECTIONS_AT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shstrndx = 1,
	};
	cr_assert_eq(ftruncate(f.fd, (off_t)size), 0);
	put(f.fd, &load, sizeof(load), sizeof(Elf64_Ehdr));
	put(f.fd, section_names, sizeof(section_names), NAMES_AT);
	return f;
}

static void add_section(struct file *f, const Elf64_Shdr *section)
{
	put(f->fd, section, sizeof(*section), SECTIONS_AT + f->n_sections++ * sizeof(*section));
}

static void add_first_sections(struct file *f)
{
	add_section(f, &(Elf64_Shdr){ 0 });
	add_section(f,
		    &(Elf64_Shdr){ .sh_type = SHT_STRTAB,
				   .sh_offset = NAMES_AT,
				   .sh_size = sizeof(section_names) });
}

static int open_file(struct file *f, struct elf_image **ret_image)
{
	f->head.e_shnum = f->head.e_shnum ?: (Elf64_Half)f->n_sections;
	put(f->fd, &f->head, sizeof(f->head), 0);
	return elf_image__open(ret_image, f->fd);
}

/* Everything that is asked of a file, under an allowance. */
static int examine(struct elf_image *img)
{
	struct arch_callee callee = { .n_entries = 0 };
	struct elf_symbol symbols[4];
	struct elf_range range;
	uint64_t value;

	work_begin(ALLOWANCE_NS);
	for (int i = 0; i < 16; i++) {
		elf_image__exported(img, "name", symbols);
		elf_image__functions_named(img, "A", symbols, 4);
		elf_image__add_import(img, "name", &callee);
		elf_image__read_u64(img, 64, &value);
		elf_image__function_range(img, 4096, &range);
	}
	return work_end();
}

/* On a slow machine the allowance may be used up first. */
static void expect_bounded(struct file *f, int code)
{
	int r;
	_cleanup_(elf_image__freep) struct elf_image *img = NULL;
	const uint64_t before_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
	const size_t before = mallinfo2().hblkhd + mallinfo2().uordblks;

	cr_assert_eq(open_file(f, &img), 0);
	r = examine(img);
	cr_expect(r == code || r == -ETIME, "%d", r);
	cr_expect_lt(mallinfo2().hblkhd + mallinfo2().uordblks, before + 100 * MIB);
	cr_expect_lt(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, NS_PER_S);
}

static void fill(int fd, uint64_t at, uint64_t size, const void *unit, size_t unit_bytes)
{
	uint8_t *p = mmap(NULL, at + size, PROT_WRITE, MAP_SHARED, fd, 0);

	cr_assert_neq(p, MAP_FAILED);
	for (uint64_t i = 0; i + unit_bytes <= size; i += unit_bytes)
		memcpy(p + at + i, unit, unit_bytes);
	munmap(p, at + size);
}

/* All symbols have one name, which takes the whole string table. */
static struct file names_without_end(char last)
{
	const Elf64_Sym symbol = { .st_name = 1,
				   .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				   .st_shndx = 1,
				   .st_value = 64 };
	struct file f = make_file(48 * MIB, 4096);

	add_first_sections(&f);
	add_section(&f,
		    &(Elf64_Shdr){ .sh_type = SHT_DYNSYM,
				   .sh_offset = MIB,
				   .sh_size = 23 * MIB,
				   .sh_link = 3,
				   .sh_entsize = sizeof(symbol) });
	add_section(
		&f,
		&(Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = 24 * MIB, .sh_size = 23 * MIB });
	fill(f.fd, MIB, 23 * MIB, &symbol, sizeof(symbol));
	fill(f.fd, 24 * MIB, 23 * MIB, "A", 1);
	put(f.fd, &last, 1, 47 * MIB - 1);
	return f;
}

TEST_WITHIN(20, hostile_elf, names_without_end)
{
	struct file f = names_without_end('A');

	expect_bounded(&f, 0);
}

TEST_WITHIN(20, hostile_elf, names_as_long_as_the_table)
{
	struct file f = names_without_end('\0');

	expect_bounded(&f, 0);
}

TEST_WITHIN(20, hostile_elf, sections_on_top_of_each_other)
{
	struct file f = make_file(65 * MIB, 4096);

	add_first_sections(&f);
	for (int i = 0; i < 60; i++)
		add_section(&f,
			    &(Elf64_Shdr){ .sh_type = SHT_RELA,
					   .sh_flags = SHF_ALLOC,
					   .sh_offset = MIB,
					   .sh_size = 60 * MIB,
					   .sh_entsize = sizeof(Elf64_Rela) });
	expect_bounded(&f, -EFBIG);
}

TEST_WITHIN(20, hostile_elf, more_small_sections_than_any_program_has)
{
	struct file f = make_file(8 * MIB, 4096);

	add_first_sections(&f);
	for (int i = 0; i < 60000; i++)
		add_section(&f,
			    &(Elf64_Shdr){ .sh_type = SHT_RELA,
					   .sh_flags = SHF_ALLOC,
					   .sh_offset = MIB,
					   .sh_size = sizeof(Elf64_Rela),
					   .sh_entsize = sizeof(Elf64_Rela) });
	expect_bounded(&f, -EFBIG);
}

TEST_WITHIN(20, hostile_elf, a_huge_segment)
{
	struct file f = make_file(600 * MIB, 511 * MIB);

	add_first_sections(&f);
	expect_bounded(&f, -EFBIG);
}

TEST_WITHIN(20, hostile_elf, a_huge_table_of_section_names)
{
	struct file f = make_file(1024 * MIB, 4096);

	add_section(&f, &(Elf64_Shdr){ 0 });
	add_section(&f, &(Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_size = 1024 * MIB });
	expect_bounded(&f, -EFBIG);
}

/* Numbers that do not fit their fields are in the first section header. */
TEST_WITHIN(20, hostile_elf, millions_of_sections_or_segments)
{
	struct elf_image *img = NULL;
	struct file sections = make_file(2047 * MIB, 4096), segments = make_file(2047 * MIB, 4096);

	add_section(&sections, &(Elf64_Shdr){ .sh_size = 30000000 });
	sections.n_sections = 0;
	cr_expect_eq(open_file(&sections, &img), -EFBIG);
	add_section(&segments, &(Elf64_Shdr){ .sh_info = 30000000 });
	segments.head.e_phnum = PN_XNUM;
	cr_expect_eq(open_file(&segments, &img), -EFBIG);
	cr_expect_null(img);
}

/* Each function names another common part than the one before, and each of those is long. */
TEST_WITHIN(20, hostile_elf, functions_without_end)
{
	struct file f = make_file(62 * MIB, 4096);
	const uint32_t entry[8] = { 28, 4 };

	add_first_sections(&f);
	add_section(&f,
		    &(Elf64_Shdr){ .sh_name = 9,
				   .sh_type = SHT_PROGBITS,
				   .sh_offset = MIB,
				   .sh_size = 60 * MIB });
	fill(f.fd, MIB, 60 * MIB, entry, sizeof(entry));
	expect_bounded(&f, 0);
}
