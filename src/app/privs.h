/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capabilities that matter to this tool: what each is for, how long it is kept, which of them
 * the process has. All others are given up before anything else is done. docs/privileges.md tells
 * what was measured.
 *
 * Who is not root and got them from the program's file or its parent names files of his own on the
 * command line: they are not in force (effective) until a session begins, so that no such file is
 * opened with more rights than his.
 */
#ifndef LOOPSTALL_APP_PRIVS_H
#define LOOPSTALL_APP_PRIVS_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * PRIVS(_) : _(NAME, is_required, kept, "what for")
 *
 * kept: WATCH   as long as it measures
 *       ATTACH  as long as it attaches
 *       ROOT    as WATCH, but by root only: it opens files that the caller may name
 */
#define PRIVS(_)                                                                                   \
	_(BPF, true, ATTACH, "load BPF programs and maps")                                         \
	_(PERFMON, true, WATCH, "attach probes, read memory in BPF programs")                      \
	_(SYS_PTRACE, true, WATCH, "read the memory of other users' processes")                    \
	_(SYS_ADMIN, false, ATTACH, "uprobes on kernels before 6.6")                               \
	_(CHECKPOINT_RESTORE, false, WATCH,                                                        \
	  "open libraries that were replaced or deleted since they were mapped")                   \
	_(DAC_READ_SEARCH, false, ROOT, "open program files that are closed to others")            \
	_(DAC_OVERRIDE, false, ROOT, "write reports and recordings where root may")                \
	_(KILL, false, ROOT, "end a started command that runs as another user")                    \
	_(SETUID, false, ROOT, "start the editor as the user who called sudo")                     \
	_(SETGID, false, ROOT, "start the editor in the groups of that user")

enum priv {
#define _(name, is_required, kept, sentence) PRIV_##name,
	PRIVS(_)
#undef _
		PRIV_MAX
};

struct priv_info {
	const char *name; /* "CAP_BPF" */
	const char *sentence;
	bool is_required;
	bool is_root_only;
};

extern const struct priv_info priv_infos[PRIV_MAX];

/*
 * First of all: gives up what is not in the table. A program that is installed setuid has rights
 * that it does not know how to handle. 0, or -EPERM for such a one.
 */
int privs_begin(void);

/*
 * What is left is in force from here on, and no program started from here on gets any of it, or
 * more than it brings itself: the bounding set is emptied, no_new_privs is set. A command that is
 * to run as it would without us must have been started.
 */
void privs_raise(void);

/*
 * Once the kernel side is attached: gives up what attaching to more processes needs, if there will
 * be none, and what this kernel does not need. A kernel that `needs_admin` needs it again for a
 * process that executes another program. `buf` gets the names of what is left, "CAP_PERFMON,
 * CAP_SYS_PTRACE", or "none".
 */
void privs_settle(bool may_attach, bool needs_admin, char *buf, size_t size);

/*
 * Who called sudo, if we are root by it; else NULL. It is valid until the next call of this or
 * of users.h.
 */
const struct passwd *privs_sudo_user(void);

/*
 * In a child, before it executes what is the user's own affair: that user instead of root by sudo,
 * without any capability. 0 or
 * -errno.
 */
int privs_become_user(void);

/* Whether the capability, or one that includes it, is there. */
bool priv_is_there(enum priv priv);

/* "CAP_BPF, CAP_PERFMON": the required ones that are missing, "" for none. */
void privs_missing(char *buf, size_t size);

#endif
