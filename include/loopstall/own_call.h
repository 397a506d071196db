/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In the flags of a stack: a function in it that the runtime called by itself, while it ran another
 * one. Of several the outermost.
 */
#ifndef LOOPSTALL_OWN_CALL_H
#define LOOPSTALL_OWN_CALL_H

/* Two bits: enum ls_own_call; five bits: index of its frame. */
#define LS_STACK_CALL_SHIFT 8
#define LS_STACK_CALL_MASK 3
#define LS_STACK_CALLED_SHIFT 10
#define LS_STACK_CALLED_MASK 31

enum ls_own_call {
	LS_CALL_NONE,
	LS_CALL_SIGNAL, /* the handler of a signal */
	LS_CALL_DEATH, /* the callback of a weak reference whose object died */
	/* that, or a function that other C code called with a dead weak reference */
	LS_CALL_MAYBE_DEATH,
};

#endif
