/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What asks a terminal to put a text into the clipboard (OSC 52).
 */
#ifndef LOOPSTALL_VIEW_CLIPBOARD_H
#define LOOPSTALL_VIEW_CLIPBOARD_H

/* To be freed. 0, -E2BIG for more than terminals take, or -ENOMEM. */
int clipboard_sequence(const char *text, char **ret_sequence);

#endif
