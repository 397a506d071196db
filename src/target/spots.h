/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places in one ELF file that a probe may sit on. They depend on the file alone, not on a
 * process.
 */
#ifndef LOOPSTALL_TARGET_SPOTS_H
#define LOOPSTALL_TARGET_SPOTS_H

#include "target/elf_image.h"
#include "target/py_entries.h"
#include "target/target.h"

/* A growing list; freed with spots__done(). */
struct spots {
	struct target_spot *at;
	size_t n, size;
};

void spots__done(struct spots *s);

/* Adds one place, unless it is there already. 0 or -errno. */
int spots__add(struct spots *s, struct elf_image *img, uint64_t vaddr, enum ls_spot kind,
	       bool is_emulable);

/* What the search for step spots found. */
struct step_search {
	enum target_rung rung;
	struct py_entries entries;
	char note[160]; /* what is wrong or missing, "" if nothing */
};

/* Finds the calls of asyncio's inner step function. 0, also when there are none, or -errno. */
int spots__add_steps(struct spots *s, struct elf_image *img, struct step_search *ret_search);
/* Finds the returns of epoll_wait and its kin. */
int spots__add_polls(struct spots *s, struct elf_image *img);
/* Finds the entries of the C library's name look-ups. */
int spots__add_dns(struct spots *s, struct elf_image *img);

#endif
