/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard: wires a session, or a recording, to a view and a screen, and does what the view
 * asks for.
 */
#ifndef LOOPSTALL_APP_DASHBOARD_H
#define LOOPSTALL_APP_DASHBOARD_H

#include "app/cli.h"
#include "session/session.h"
#include "base/err.h"
#include "view/view.h"

struct view_opts dashboard_opts(const struct config *config);
enum theme dashboard_theme(const struct config *config);
/* Checks what the options ask of the view; draws nothing. 0 or -EINVAL with err filled. */
int dashboard_check(const struct config *config, struct err *err);

/*
 * Runs the session with the dashboard on the terminal until its end. Returns what session__run()
 * returns.
 */
int dashboard_run(struct session *s, const struct config *config, struct err *err);
/* Plays a recording. EXIT_FINE or -errno with err filled. */
int dashboard_replay(const struct config *config, const char *path, struct err *err);

#endif
