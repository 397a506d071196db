/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles that are being taken: each collects the stalls that end in the seconds that a request
 * asked for, and is then the answer to it.
 */
#ifndef LOOPSTALL_SERVE_PROFILES_H
#define LOOPSTALL_SERVE_PROFILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "report/report.h"
#include "session/session.h"

#define PROFILES_MOST 8 /* at a time */
#define PROFILES_MAX_SECONDS 300

struct profile;

struct profiles {
	struct profile *list[PROFILES_MOST];
};

/* What to do with one that is complete; `bytes` lives during the call. */
typedef void (*profile_fn)(void *ctx, uint64_t request, const void *bytes, size_t size);

/* Drops profiles whose client has gone. */
void profiles__forget(struct profiles *p, bool (*is_waiting)(void *ctx, uint64_t request),
		      void *ctx);
/* 0, -EBUSY: too many, or -errno. */
int profiles__begin(struct profiles *p, struct session *s, uint64_t request, uint64_t seconds,
		    bool is_starved_first);
/* 0 or -errno. */
int profiles__add_stall(struct profiles *p, const struct stall *stall);
/* When the next one is complete; UINT64_MAX: none is being taken. */
uint64_t profiles__due_ns(const struct profiles *p);
/* Hands out those that are complete; one that failed has no bytes. */
void profiles__finish_due(struct profiles *p, uint64_t now_ns, const struct snapshot *snapshot,
			  profile_fn fn, void *ctx);
void profiles__done(struct profiles *p);

#endif
