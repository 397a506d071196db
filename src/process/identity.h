/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By which name operators know a process: the service that it is a part of, its container and its
 * pod, without asking any service for them.
 */
#ifndef LOOPSTALL_PROCESS_IDENTITY_H
#define LOOPSTALL_PROCESS_IDENTITY_H

#include <stddef.h>

#define IDENTITY_BYTES 128
#define IDENTITY_POD_BYTES 40

/* Each is "" if there is none or it is not known. Raw. */
struct identity {
	/* OTEL_SERVICE_NAME of its environment, else its systemd unit, else its command */
	char service[IDENTITY_BYTES];
	char container_id[IDENTITY_BYTES]; /* as Kubernetes has it: "containerd://4f1a..." */
	char pod_uid[IDENTITY_POD_BYTES];
};

struct target;

/* Reads the environment; the rest is known. */
void identity__read(struct identity *ret_identity, const struct target *t);

/* Of texts: `environment` with its NULs, `cgroup` and `cmdline` or NULL. */
void identity__make(struct identity *ret_identity, const char *environment,
		    size_t environment_bytes, const char *cgroup, const char *cmdline,
		    const char *comm);

#endif
