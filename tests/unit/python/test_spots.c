/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spots in ELF files: fixtures shaped like _asyncio with and without symbols, then cut and damaged
 * copies.
 */
#include <errno.h>
#include <string.h>

#include "process/elf_head.h"
#include "python/fixtures.h"

/* Each enter spot must be a call of task_step_impl; the symbols tell where that is. */
static void check_calls(struct elf_image *img, const struct spots *s)
{
	struct elf_symbol impl;

	cr_assert_eq(elf_image__functions_named(img, "task_step_impl", &impl, 1), 1);
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].kind == LS_SPOT_STEP_ENTER)
			cr_assert_eq(called_at(img, s->at[i].vaddr), impl.vaddr);
}

static void find_all(const char *name, struct spots *ret_spots, struct step_search *ret_search)
{
	_cleanup_(elf_image__freep) struct elf_image *img = open_fixture(name);

	cr_assert_eq(spots__add_steps(ret_spots, img, ret_search), 0);
	cr_assert_eq(spots__add_polls(ret_spots, img), 0);
	if (elf_image__has_symtab(img))
		check_calls(img, ret_spots);
}

static void check_fixture(const char *name, uint64_t task_bytes)
{
	_cleanup_(spots__done) struct spots with = { 0 }, without = { 0 };
	struct step_search search, stripped;
	char file[64];

	snprintf(file, sizeof(file), "%s.so", name);
	find_all(file, &with, &search);
	snprintf(file, sizeof(file), "%s.stripped.so", name);
	find_all(file, &without, &stripped);
	cr_assert_eq(search.rung, TARGET_RUNG_SYMBOL);
	cr_assert_eq(stripped.rung, TARGET_RUNG_ENTRY);
	cr_assert_str_eq(stripped.note, "");
	cr_assert_eq(count_kind(&with, LS_SPOT_STEP_ENTER), 2);
	cr_assert_eq(count_kind(&with, LS_SPOT_STEP_EXIT), 2);
	cr_assert_eq(count_kind(&with, LS_SPOT_POLL_RETURN), 1);
	cr_assert_eq(stripped.entries.task_bytes, task_bytes);
	cr_assert_neq(stripped.entries.step_call, 0);
	cr_assert_neq(stripped.entries.wakeup_call, 0);
	cr_assert_eq(memcmp(&search.entries, &stripped.entries, sizeof(search.entries)), 0);
	cr_assert_eq(with.n, without.n);
	for (size_t i = 0; i < with.n; i++) {
		cr_assert_eq(with.at[i].file_offset, without.at[i].file_offset);
		cr_assert_eq(with.at[i].kind, without.at[i].kind);
		cr_assert(with.at[i].is_emulable);
	}
}

Test(spots, static_types)
{
	check_fixture("fake_asyncio_types", 176);
}

Test(spots, type_specs)
{
	check_fixture("fake_asyncio_specs", 144);
}

Test(spots, tail_call_is_said)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	struct step_search search;

	find_all("fake_tail_call.stripped.so", &s, &search);
	cr_assert_eq(search.rung, TARGET_RUNG_ENTRY);
	cr_assert_str_eq(search.note,
			 "steps through 1 of 3 calls of the step function cannot be timed");
	cr_assert_eq(count_kind(&s, LS_SPOT_STEP_ENTER), 2);
}

/* Any libc will do: the one we run on. */
Test(spots, name_look_ups)
{
	_cleanup_(spots__done) struct spots s = { 0 };
	_cleanup_(elf_image__freep) struct elf_image *img = NULL;
	_cleanup_(file_close) FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], path[400] = "";

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/libc.so.6") || strstr(line, "/libc-2."))
			sscanf(line, "%*s %*s %*s %*s %*s %399s", path);
	cr_assert_eq(elf_image__open(&img, open(path, O_RDONLY | O_CLOEXEC)), 0);
	cr_assert_eq(spots__add_dns(&s, img), 0);
	cr_assert_eq(s.n, 5);
}

Test(spots, not_elf)
{
	struct elf_image *img = NULL;
	int fd = memfd_create("text", MFD_CLOEXEC), bits;
	uint16_t machine;

	cr_assert_eq(write(fd, "#!/bin/sh\n0123456789", 20), 20);
	cr_assert_eq(elf_class_of(fd, &bits, &machine), -ENOEXEC);
	cr_assert_eq(elf_image__open(&img, fd), -ENOEXEC);
	cr_assert_eq(elf_image__open(&img, open("/", O_RDONLY | O_CLOEXEC)), -ENOEXEC);
}

Test(spots, class_of_32_bit_file)
{
	static const unsigned char head[64] = { 0x7f, 'E', 'L', 'F', 1, 1, 1, [16] = 2, [18] = 3 };
	struct elf_image *img = NULL;
	int fd = memfd_create("elf32", MFD_CLOEXEC), bits = 0;
	uint16_t machine = 0;

	cr_assert_eq(write(fd, head, sizeof(head)), (ssize_t)sizeof(head));
	cr_assert_eq(elf_class_of(fd, &bits, &machine), 0);
	cr_assert_eq(bits, 32);
	cr_assert_eq(machine, 3);
	cr_assert_eq(elf_image__open(&img, fd), -ENOEXEC);
}

static void search_all(struct spots *s, struct elf_image *img)
{
	struct step_search search;

	spots__add_steps(s, img, &search);
	spots__add_polls(s, img);
	spots__add_dns(s, img);
}

Test(spots, cut_files)
{
	try_cut("fake_asyncio_types.so", search_all);
	try_cut("fake_asyncio_specs.stripped.so", search_all);
}

Test(spots, damaged_files)
{
	try_bytes("fake_asyncio_types.so", 1500, search_all);
	try_bytes("fake_asyncio_specs.stripped.so", 1500, search_all);
}
