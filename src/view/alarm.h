/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls that are open now, on every screen: how long they last so far, and the line that says that
 * a loop is stuck.
 */
#ifndef LOOPSTALL_VIEW_ALARM_H
#define LOOPSTALL_VIEW_ALARM_H

#include "view/view.h"

/* A stall's duration; that of an open one counts up from its reading. */
uint64_t alarm__lasted_ns(const struct stall *stall, uint64_t read_ns, uint64_t now_ns);
/* Whether a stall of that duration is an alarm: an ordinary one is over before it can be read. */
bool alarm__is_due(uint64_t lasted_ns, uint64_t threshold_ns);

/*
 * Draws the alarm over the whole row: while a loop is stuck, and for two seconds more. False if
 * there is none.
 */
bool alarm__draw(const struct snapshot *snapshot, const struct view_status *status,
		 struct canvas *c, int row);

#endif
