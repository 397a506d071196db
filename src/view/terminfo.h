/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptions of the usual terminals, for machines and containers that have none.
 */
#ifndef LOOPSTALL_VIEW_TERMINFO_H
#define LOOPSTALL_VIEW_TERMINFO_H

/* As the variable TERMINFO takes it instead of a folder (terminfo(5)); NULL if there is none. */
const char *terminfo_built_in(const char *terminal);

#endif
