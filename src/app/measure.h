/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the command line to a session: what every command that measures does first.
 */
#ifndef LOOPSTALL_APP_MEASURE_H
#define LOOPSTALL_APP_MEASURE_H

#include "app/cli.h"
#include "session/session.h"

/*
 * Raises the privileges of this process and makes the session that `config` asks for. `config` and
 * `child` (NULL, or the command: start it before this call, or it inherits a process without
 * privileges and with signals blocked) must outlive the session. 0 or -errno with err filled.
 */
int measure_new(struct session **ret_session, const struct config *config, struct child *child,
		const struct recorder_opts *record, struct err *err);

/* The exit code of a measurement that has returned `r`. Says why it failed, if it did. */
int measure_exit_code(int r, const struct child *child, const struct err *err);

#endif
