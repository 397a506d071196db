/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files made of tests/data, whole and damaged.
 */
#ifndef LOOPSTALL_TESTS_UNIT_TARGET_FIXTURES_H
#define LOOPSTALL_TESTS_UNIT_TARGET_FIXTURES_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "python/step_spots.h"

#define MAX_FILE_BYTES (256U << 10)

static inline struct elf_image *open_fixture(const char *name)
{
	struct elf_image *img = NULL;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", TEST_DATA_DIR, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(elf_image__open(&img, fd), 0, "%s", path);
	return img;
}

static inline size_t count_kind(const struct spots *s, enum ls_spot kind)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->at[i].kind == kind;
	return n;
}

/* Where the direct call at `vaddr` goes to. */
static inline uint64_t called_at(struct elf_image *img, uint64_t vaddr)
{
	struct arch_cursor cursor = { .vaddr = vaddr };
	struct arch_insn insn;

	cursor.code = elf_image__bytes(img, vaddr, 1, &cursor.size);
	cr_assert_not_null(cursor.code);
	cr_assert(arch_decode(&cursor, &insn));
	cr_assert(insn.is_call);
	cr_assert_neq(insn.branch_target, 0);
	return insn.branch_target;
}

/* Adds what is searched for to `s`. */
typedef void (*search_fn)(struct spots *s, struct elf_image *img);

/* Whatever the file says, spots lie inside of it, in code. */
static inline void try_damaged(const uint8_t *buf, size_t size, search_fn search)
{
	_cleanup_(elf_image__freep) struct elf_image *img = NULL;
	_cleanup_(spots__done) struct spots s = { 0 };
	struct elf_range range;
	int fd = memfd_create("damaged", MFD_CLOEXEC);

	cr_assert_eq(write(fd, buf, size), (ssize_t)size);
	if (elf_image__open(&img, fd))
		return;
	search(&s, img);
	elf_image__function_range(img, 0x1000, &range);
	for (size_t i = 0; i < s.n; i++) {
		cr_assert(elf_image__is_code(img, s.at[i].vaddr));
		cr_assert_lt(s.at[i].file_offset, size);
	}
}

static inline size_t load_fixture(const char *name, uint8_t *buf)
{
	char path[256];
	_cleanup_(file_close) FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", TEST_DATA_DIR, name);
	f = fopen(path, "re");
	cr_assert_not_null(f);
	return fread(buf, 1, MAX_FILE_BYTES, f);
}

static inline void try_cut(const char *name, search_fn search)
{
	_cleanup_free_ uint8_t *buf = malloc(MAX_FILE_BYTES);
	size_t size = load_fixture(name, buf);

	for (size_t cut = 0; cut < size; cut += cut < 128 ? 7 : 97)
		try_damaged(buf, cut, search);
}

/* Three bytes at a time are changed. */
static inline void try_bytes(const char *name, int rounds, search_fn search)
{
	_cleanup_free_ uint8_t *buf = malloc(MAX_FILE_BYTES);
	size_t size = load_fixture(name, buf);
	uint64_t random = 88172645463325252ULL;

	for (int round = 0; round < rounds; round++) {
		size_t at[3];
		uint8_t was[3];

		for (int k = 0; k < 3; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* Every other hit goes to the headers, where it does the most. */
			at[k] = random % (round % 2 ? size : 1024);
			was[k] = buf[at[k]];
			buf[at[k]] = (uint8_t)(random >> 32);
		}
		try_damaged(buf, size, search);
		for (int k = 2; k >= 0; k--)
			buf[at[k]] = was[k];
	}
}

#endif
