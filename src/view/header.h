/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines above every screen: who is watched, how busy the loop is, a strip of stalls, what the
 * tool costs and loses. A loop that is stuck now takes the second line.
 */
#ifndef LOOPSTALL_VIEW_HEADER_H
#define LOOPSTALL_VIEW_HEADER_H

#include "view/view.h"

/*
 * Draws from row 0 on. Returns the rows used: 3 on a low canvas, else 4 and one for findings, if
 * there are any.
 */
int header__draw(const struct snapshot *snapshot, const struct view_status *status,
		 struct canvas *c);

#endif
