/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program for each kind of spot. A program that serves several kinds gets the kind as its
 * attach cookie.
 */
#ifndef LOOPSTALL_PROBE_SPOT_PROGRAMS_H
#define LOOPSTALL_PROBE_SPOT_PROGRAMS_H

#include <loopstall/abi.h>

#include "loopstall.skel.h"

static inline void spot_programs(const struct loopstall_bpf *skel,
				 struct bpf_program *progs[LS_SPOT_MAX])
{
	progs[LS_SPOT_STEP_ENTER] = skel->progs.on_step_enter;
	progs[LS_SPOT_STEP_EXIT] = skel->progs.on_step_exit;
	progs[LS_SPOT_RESUME_FRAME] = skel->progs.on_resume;
	progs[LS_SPOT_RESUME_CORO] = skel->progs.on_resume;
	progs[LS_SPOT_RESUME_THROW] = skel->progs.on_resume;
	progs[LS_SPOT_RESUME_EXIT] = skel->progs.on_resume_exit;
	progs[LS_SPOT_TASK_ANNOUNCE] = skel->progs.on_task_announce;
	progs[LS_SPOT_TASK_RESUME] = skel->progs.on_resume;
	progs[LS_SPOT_TASK_LEAVE] = skel->progs.on_resume_exit;
	progs[LS_SPOT_POLL_RETURN] = skel->progs.on_poll_return;
	progs[LS_SPOT_DNS_ENTER] = skel->progs.on_dns_enter;
}

#endif
