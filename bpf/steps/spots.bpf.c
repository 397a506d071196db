// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The one program of all uprobes; the attach cookie is the kind of spot. The verifier checks a
 * program with all that it calls, and what follows a step or a turn is nearly the same for all
 * kinds: with a program for each kind the kernel spent three times as long on them.
 */
#include "core/kernel.h"
#include "steps/resume.h"
#include "steps/task_spots.h"

SEC("uprobe")
int on_spot(struct pt_regs *ctx)
{
	__u64 kind = bpf_get_attach_cookie(ctx), sp = reg_sp(ctx);
	__u64 first = call_arg0(ctx), second = call_arg1(ctx);
	__u32 third = (__u32)call_arg2(ctx), fourth = (__u32)call_arg3(ctx);

	switch (kind) {
	case LS_SPOT_STEP_ENTER:
		return on_step_enter(sp, first, second);
	case LS_SPOT_STEP_EXIT:
		return on_step_exit(sp);
	/* The call of the evaluation function: thread state, frame, is an exception thrown? */
	case LS_SPOT_RESUME_FRAME:
		return on_resume(sp, second, 1, third != 0, 0);
	/* gen_send_ex2(): coroutine, value, result, is an exception thrown? */
	case LS_SPOT_RESUME_CORO:
		return on_resume(sp, first, 0, fourth != 0, 0);
	case LS_SPOT_RESUME_THROW:
		return on_resume(sp, first, 0, THROWN, 0);
	case LS_SPOT_TASK_RESUME:
		return on_resume(sp, first, 0, 0, 1);
	case LS_SPOT_RESUME_EXIT:
	case LS_SPOT_TASK_LEAVE:
		return on_resume_exit(sp, kind == LS_SPOT_TASK_LEAVE);
	case LS_SPOT_TASK_ANNOUNCE:
		return on_task_announce();
	case LS_SPOT_POLL_RETURN:
		return on_poll_return(sp);
	case LS_SPOT_PLAIN_POLL_RETURN:
		return on_plain_poll_return();
	case LS_SPOT_DNS_ENTER:
		return on_dns_enter(sp);
	}
	return 0;
}
