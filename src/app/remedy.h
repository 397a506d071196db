/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Missing capabilities as the lines that grant them: a shell command on the host, options of
 * docker, a Kubernetes manifest.
 */
#ifndef LOOPSTALL_APP_REMEDY_H
#define LOOPSTALL_APP_REMEDY_H

#include <stdbool.h>

#include "app/privs.h"

struct remedy {
	bool caps[PRIV_MAX];
	bool host_pid; /* the host's pid namespace */
};

#define REMEDY_BYTES 512

/* Adds the capabilities of "CAP_BPF,CAP_PERFMON". */
void remedy__add(struct remedy *r, const char *caps);
bool remedy__is_empty(const struct remedy *r);

/* "CAP_BPF, CAP_PERFMON" */
void remedy__names(const struct remedy *r, char buf[REMEDY_BYTES]);
/*
 * Each writes its line, "" where that way cannot give it. setcap replaces what the file has, so its
 * line names all that is needed; those that root alone makes use of are not given to a file.
 */
void remedy__setcap(const struct remedy *r, char buf[REMEDY_BYTES]);
void remedy__docker(const struct remedy *r, char buf[REMEDY_BYTES]);
void remedy__kubernetes(const struct remedy *r, char buf[REMEDY_BYTES]);

#endif
