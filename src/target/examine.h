/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of target__examine() share: the process seen so far, its maps, its interpreter's
 * ELF file.
 */
#ifndef LOOPSTALL_TARGET_EXAMINE_H
#define LOOPSTALL_TARGET_EXAMINE_H

#include "target/elf_image.h"
#include "target/procfs.h"
#include "target/target.h"

struct examination {
	struct target *t;
	struct err *err;
	struct maps *maps;
	struct elf_image *core;
	const struct map_entry *core_map;
	/* The first mapped file that we may not open, and why: -EACCES or -EPERM; NULL if there is none. */
	const struct map_entry *closed;
	int closed_code;
};

/* An ELF file of the target, opened. */
struct module_file {
	char *path, *host_path;
	dev_t dev;
	ino_t ino;
	struct elf_image *img;
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

/* Notes that a mapped file, if there is one, cannot be opened for a lack of rights, if that is why. */
void note_closed(struct examination *x, const struct map_entry *map, int code);
/* Says which file that is and what opens it. */
int refuse_file(struct examination *x);

/* Finds the interpreter: fills core, version, layout, runtime, interp and what the kernel reads. */
int examine_interpreter(struct examination *x);
/* Finds the modules and the spots in them. */
int examine_modules(struct examination *x);

/* 3.11 of "libpython3.11.so.1.0", "python3.11", ".../lib/python3.11/...", "x.cpython-311-x.so". */
bool py_version_from_path(const char *path, unsigned int *ret_major, unsigned int *ret_minor);

#endif
