/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of asyncio's inner step function in one ELF file.
 */
#ifndef LOOPSTALL_PYTHON_STEP_SPOTS_H
#define LOOPSTALL_PYTHON_STEP_SPOTS_H

#include "process/known_files.h"
#include "process/spots.h"
#include "python/py_entries.h"

/* What the search for step spots found. */
struct step_search {
	enum target_rung rung;
	struct py_entries entries;
	char note[160]; /* what is wrong or missing, "" if nothing */
};

/* Finds the calls of asyncio's inner step function. 0, also when there are none, or -errno. */
int spots__add_steps(struct spots *s, struct elf_image *img, struct step_search *ret_search);

/* The same by known_files__search(); its facts are a struct step_search. */
extern const struct file_search search_steps;

#endif
