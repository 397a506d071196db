/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translates options of the command line to those of a session, and its result to an exit code.
 */
#include "app/measure.h"

#include "app/privs.h"
#include "app/say.h"
#include "app/version.h"
#include "base/exit.h"
#include "session/child.h"

int measure_new(struct session **ret_session, const struct config *config, struct child *child,
		const struct recorder_opts *record, struct err *err)
{
	const struct session_opts opts = {
		.version = LOOPSTALL_VERSION,
		.child = child,
		.command = child ? config->command[0] : NULL,
		.name = config->name,
		.is_patient = config->is_patient,
		.is_everything = config->is_everything,
		.n_pids = config->n_pids,
		.pids = config->pids,
		.duration_ns = config->duration_ns,
		.threshold_ns = config->threshold_ns,
		.mode = config->mode,
		.budget = config->budget,
		.is_following = !config->is_not_following,
		.no_native = config->is_without_native,
		.no_requests = config->is_without_requests,
		/* The ring of serve has none: others may fetch it over the network. */
		.reads_sources = record && config->output && !config->is_without_sources,
		.record = record,
		.own = cli_own_rules(config),
		.report_open_ns = config->on_stall_ns,
		.drop_privileges = privs_settle,
	};

	privs_raise();
	return session__new(ret_session, &opts, err);
}

int measure_exit_code(int r, const struct child *child, const struct err *err)
{
	if (r >= 0)
		return r;
	say_failure(r, err);
	return child->is_reaped ? EXIT_COMMAND_FAILED : EXIT_CANNOT_ATTACH;
}
