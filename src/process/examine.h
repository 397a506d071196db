/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What target__examine() and the runtimes share while a process is examined: its maps, its ELF
 * files, the refusals.
 */
#ifndef LOOPSTALL_PROCESS_EXAMINE_H
#define LOOPSTALL_PROCESS_EXAMINE_H

#include "process/elf_image.h"
#include "process/procfs.h"
#include "process/target.h"

/* Identifies a file, in the state that it has now. */
struct file_stamp {
	uint64_t dev, ino, size, mtime_s, mtime_ns;
};

/* An ELF file of the target, opened. */
struct module_file {
	char *path, *host_path;
	struct file_stamp stamp;
	struct elf_image *img;
};

struct spots;

struct examination {
	struct target *t;
	struct err *err;
	const struct runtime_ops *const *runtimes; /* to try, ends with NULL */
	bool is_without_spots; /* as in struct target_context */
	struct maps *maps;
	struct module_file core; /* that holds the runtime */
	const struct map_entry *core_map;
	/*
	 * The first mapped file that we may not open, and why: -EACCES or -EPERM; NULL if there is
	 * none.
	 */
	const struct map_entry *closed;
	int closed_code;
};

/* Opens a mapped file, the very inode that is mapped. 0 or -errno. */
int module_file__open(struct module_file *ret_file, pid_t pid, const struct map_entry *map);
/* Opens a file that is not mapped yet by its path in the target. */
int module_file__open_path(struct module_file *ret_file, pid_t pid, const char *path);
void module_file__done(struct module_file *f);

/* What is added to the addresses of an ELF file that `map` is a mapping of. */
uint64_t module_bias(const struct maps *maps, const struct map_entry *map,
		     const struct elf_image *img);

/* The program for a message: "/usr/bin/python3.11 (deleted)". */
void exe_text(const struct examination *x, char *buf, size_t size);

/* Remembers the first mapped file that cannot be opened for a lack of rights. */
void note_closed(struct examination *x, const struct map_entry *map, int code);
/* Reports which file that is and what opens it. */
int refuse_file(struct examination *x);

struct file_search;

/* Adds spots found in `f` to the target; takes over the file's names. 0 or -ENOMEM. */
int examine_add_spots(struct examination *x, struct module_file *f, const struct spots *spots);
/* The same with a search. `ret_n`: how many it found. */
int examine_add_found(struct examination *x, struct module_file *f,
		      const struct file_search *search, size_t *ret_n);
/* Adds the poll spots of a file; true if it has any. */
bool examine_add_polls(struct examination *x, struct module_file *f);
/* The same of poll and select. */
bool examine_add_plain_polls(struct examination *x, struct module_file *f);
/* Adds the name look-ups of the C library, if it is mapped. 0 or -ENOMEM. */
int examine_libc(struct examination *x);

/*
 * Finds the variable by which the target publishes trace contexts (loopstall/trace_context.h), if
 * it has one. False: it has, but the loader has not placed it yet.
 */
bool examine_trace(struct examination *x);

#endif
