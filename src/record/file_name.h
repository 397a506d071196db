/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of recordings that a ring was written to: by time, process and reason.
 */
#ifndef LOOPSTALL_RECORD_FILE_NAME_H
#define LOOPSTALL_RECORD_FILE_NAME_H

#include <stdint.h>
#include <sys/types.h>

#define RECORDING_NAME_BYTES 80

/* What a file is named by. */
struct recording_id {
	uint64_t unix_ns;
	pid_t pid; /* 0: none */
	const char *reason; /* lower case letters */
};

/* "loopstall-20261128T101500.123Z-4242-stall.ls"; from the second one on "...-stall-2.ls". */
void recording_name(const struct recording_id *id, unsigned int number,
		    char ret_name[RECORDING_NAME_BYTES]);

#endif
