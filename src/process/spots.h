/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places in one ELF file that a probe may sit on. They depend on the file alone, not on a
 * process. Here are the spots that every runtime shares: where a loop polls and where the C library
 * looks up names; a runtime adds its own.
 */
#ifndef LOOPSTALL_PROCESS_SPOTS_H
#define LOOPSTALL_PROCESS_SPOTS_H

#include "process/elf_image.h"
#include "process/target.h"

/* A growing list; freed with spots__done(). */
struct spots {
	struct target_spot *at;
	size_t n, size;
};

void spots__done(struct spots *s);

/* Adds one place, unless it is there already. 0 or -errno. */
int spots__add(struct spots *s, struct elf_image *img, uint64_t vaddr, enum ls_spot kind,
	       bool is_emulable);

/* Finds the returns of epoll_wait and its kin. */
int spots__add_polls(struct spots *s, struct elf_image *img);
/* Finds the returns of poll, select and their kin. */
int spots__add_plain_polls(struct spots *s, struct elf_image *img);
/* Finds the entries of the C library's name look-ups. */
int spots__add_dns(struct spots *s, struct elf_image *img);

#endif
