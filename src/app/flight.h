/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder: writes what the ring of a session holds when something happens.
 */
#ifndef LOOPSTALL_APP_FLIGHT_H
#define LOOPSTALL_APP_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "app/flight_folder.h"
#include "session/session.h"

struct flight_opts {
	const char *path; /* of the folder */
	unsigned int max_files;
	uint64_t max_bytes; /* of all files; 0: no limit */
	uint64_t ring_ns;
	uint64_t on_stall_ns; /* 0: a stall is no reason */
	bool is_on_exit; /* the end of a process is a reason */
	bool outlives_targets; /* goes on without a process, for those that are to come */
};

struct flight;

/* Before any thread is started: blocks SIGUSR1. 0 or -errno with err filled. */
int flight__new(struct flight **ret_flight, const struct flight_opts *opts, struct err *err);
void flight__free(struct flight *f);
static inline void flight__freep(struct flight **f)
{
	flight__free(*f);
}

/* Between session__new() and session__run(). */
void flight__attach(struct flight *f, struct session *s);
/* Behind session__run(): writes what still waits. Whether all files could be written. */
bool flight__finish(struct flight *f);

#endif
