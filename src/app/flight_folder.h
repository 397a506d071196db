/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folder of a flight recorder: its files are named by time, pid and reason, appear when they
 * are whole, and the oldest make room for the newest. Used by one thread at a time.
 */
#ifndef LOOPSTALL_APP_FLIGHT_FOLDER_H
#define LOOPSTALL_APP_FLIGHT_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/file_name.h"
#include "record/ring_copy.h"

struct flight_folder {
	int fd;
	/* of the files in it, including those of earlier runs */
	unsigned int max_files;
	uint64_t max_bytes; /* 0: no limit */
};

/* 0, or -errno with err filled: there is no such folder, or it cannot be written to. */
int flight_folder__open(struct flight_folder *f, const char *path, struct err *err);
void flight_folder__done(struct flight_folder *f);
/* Writes a file and sets its name. 0 or -errno, and then there is no file. */
int flight_folder__write(struct flight_folder *f, const struct recording_id *id,
			 const struct ring_copy *copy, char ret_name[RECORDING_NAME_BYTES]);

#endif
