/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found in the files of a process. Searching a file takes as long as it is large (a static
 * interpreter: 40 ms for everything that is searched in it), and a process that starts is examined
 * again and again, so no file is searched twice.
 */
#ifndef LOOPSTALL_PROCESS_KNOWN_FILES_H
#define LOOPSTALL_PROCESS_KNOWN_FILES_H

#include "process/examine.h"
#include "process/spots.h"

/* One kind of search. Its address identifies it. */
struct file_search {
	/* Adds what it finds; `facts` are `facts_bytes` of zeros to fill in. 0 or -errno. */
	int (*run)(struct spots *spots, struct elf_image *img, void *facts);
	size_t facts_bytes;
};

extern const struct file_search search_polls, search_plain_polls, search_dns;

struct known_file {
	struct file_stamp stamp;
	const struct file_search *search;
	struct spots spots;
	struct known_file *next;
	max_align_t facts[]; /* of the search's own type */
};

struct known_files;

/*
 * Adds an owner; each one frees it once. A file is identified by its stamp, so processes can share
 * results.
 */
struct known_files *known_files__share(struct known_files *k);
int known_files__new(struct known_files **ret_known);
void known_files__free(struct known_files *k);

/*
 * From here on calls `fn` before a file that is not known yet is searched, which may take long.
 * NULL: no call.
 */
void known_files__on_search(struct known_files *k, void (*fn)(void *ctx), void *ctx);

/*
 * What this search finds in `f`. The answer belongs to `k` and is valid until the next call. 0 or
 * -errno.
 */
int known_files__search(struct known_files *k, const struct module_file *f,
			const struct file_search *search, const struct known_file **ret_found);

#endif
