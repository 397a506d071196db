/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found in the files of a process. Searching a file takes as long as it is large (a static interpreter with asyncio
 * built in: 40 ms, with all that is looked for in it), and a process that starts is looked at again and again, so no file is searched twice.
 */
#ifndef LOOPSTALL_TARGET_KNOWN_FILES_H
#define LOOPSTALL_TARGET_KNOWN_FILES_H

#include "target/examine.h"
#include "target/spots.h"

enum file_search { SEARCH_STEPS, SEARCH_POLLS, SEARCH_DNS, SEARCH_SENDS, SEARCH_SEND_DOORS, SEARCH_TASK_NOTES, SEARCH_MAX };

struct known_file {
	struct file_stamp stamp;
	enum file_search search;
	struct spots spots;
	struct step_search steps; /* SEARCH_STEPS */
	struct known_file *next;
};

struct known_files;

/* One owner more; each frees it once. A file is known by what it is, so processes can share what was found. */
struct known_files *known_files__share(struct known_files *k);
int known_files__new(struct known_files **ret_known);
void known_files__free(struct known_files *k);

/* From here on `fn` is called before a file is searched that is not known yet, which may take long; NULL: nobody is. */
void known_files__on_search(struct known_files *k, void (*fn)(void *ctx), void *ctx);

/* What this search finds in `f`. The answer belongs to `k` and is valid until the next call. 0 or -errno. */
int known_files__search(struct known_files *k, const struct module_file *f, enum file_search search,
			const struct known_file **ret_found);

#endif
