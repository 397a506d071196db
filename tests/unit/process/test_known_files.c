/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files are searched once, and again when they are others.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "process/known_files.h"
#include "python/step_spots.h"

static void known_files__freep(struct known_files **k)
{
	known_files__free(*k);
}

static struct module_file open_fixture(const char *name)
{
	struct module_file f = { .stamp = { .ino = 1 } };
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", TEST_DATA_DIR, name);
	cr_assert_eq(elf_image__open(&f.img, open(path, O_RDONLY | O_CLOEXEC)), 0);
	return f;
}

static const struct step_search *steps_of(const struct known_file *found)
{
	return (const struct step_search *)found->facts;
}

/* With no file behind it, only what is known already can be found. */
static struct module_file closed(const struct module_file *f)
{
	return (struct module_file){ .stamp = f->stamp };
}

Test(known_files, serve_without_another_search)
{
	_cleanup_(known_files__freep) struct known_files *k = NULL;
	_cleanup_(module_file__done) struct module_file f =
		open_fixture("fake_asyncio_specs.stripped.so");
	struct module_file same = closed(&f);
	const struct known_file *found;

	cr_assert_eq(known_files__new(&k), 0);
	cr_assert_eq(known_files__search(k, &f, &search_steps, &found), 0);
	cr_assert_eq(steps_of(found)->rung, TARGET_RUNG_ENTRY);
	cr_assert_eq(found->spots.n, 4);
	cr_assert_eq(known_files__search(k, &f, &search_polls, &found), 0);
	cr_assert_eq(found->spots.n, 1);
	cr_assert_eq(known_files__search(k, &same, &search_steps, &found), 0);
	cr_assert_eq(steps_of(found)->entries.task_bytes, 144);
	cr_assert_eq(found->spots.n, 4);
	cr_assert_eq(known_files__search(k, &same, &search_polls, &found), 0);
	cr_assert_eq(found->spots.n, 1);
}

Test(known_files, a_file_that_changed_is_another)
{
	_cleanup_(known_files__freep) struct known_files *k = NULL;
	_cleanup_(module_file__done) struct module_file f = open_fixture(
								"fake_asyncio_specs.stripped.so"),
							other = open_fixture(
								"fake_asyncio_types.so");
	const struct known_file *found;

	cr_assert_eq(known_files__new(&k), 0);
	cr_assert_eq(known_files__search(k, &f, &search_steps, &found), 0);
	cr_assert_eq(steps_of(found)->entries.task_bytes, 144);
	other.stamp = f.stamp;
	other.stamp.mtime_ns++;
	cr_assert_eq(known_files__search(k, &other, &search_steps, &found), 0);
	cr_assert_eq(steps_of(found)->entries.task_bytes, 176);
}

/* Only so many are kept: the last ones asked for. */
Test(known_files, bounded)
{
	_cleanup_(known_files__freep) struct known_files *k = NULL;
	_cleanup_(module_file__done) struct module_file f =
		open_fixture("fake_asyncio_specs.stripped.so");
	struct module_file first = closed(&f);
	const struct known_file *found;

	cr_assert_eq(known_files__new(&k), 0);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(known_files__search(k, &f, &search_polls, &found), 0);
		f.stamp.ino++;
		cr_assert_eq(known_files__search(k, &first, &search_polls, &found), 0,
			     "asked for all the time");
		cr_assert_eq(found->spots.n, 1);
	}
}
