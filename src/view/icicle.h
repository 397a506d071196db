/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merges stalls by their stacks into one tree of time for the flame screen. Each snapshot gives a
 * new tree; a node is identified by its path, which is the same in every tree.
 */
#ifndef LOOPSTALL_VIEW_ICICLE_H
#define LOOPSTALL_VIEW_ICICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

#define ICICLE_MAX_NODES 2048
#define ICICLE_NONE (-1)
#define ICICLE_ROOT 0

/* What a node is. */
enum icicle_kind {
	ICICLE_CALL, /* no frame, but what the time went into */
	ICICLE_OWN, /* a frame of the user's */
	ICICLE_LIBRARY,
	ICICLE_RUNTIME, /* the interpreter, or its standard library */
};

struct icicle_node {
	enum icicle_kind kind;
	const char *function; /* NULL: the root */
	const char *file; /* NULL: it is no place in a file */
	uint32_t line; /* 0 if there are several, or none */
	uint64_t path; /* names the node in every tree */
	uint64_t stalls, total_ns;
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns; /* adds up to total_ns */
	int parent, child, sibling; /* the greatest child comes first */
};

struct icicle {
	size_t n;
	bool is_cut; /* some frames had no room; their callers hold their time */
	struct icicle_node nodes[ICICLE_MAX_NODES];
};

/* Turns are left out: their time is that of their steps and callbacks. */
void icicle__build(struct icicle *tree, const struct snapshot *snapshot);
/* The node of that path, or ICICLE_NONE. */
int icicle__find(const struct icicle *tree, uint64_t path);
int icicle__depth(const struct icicle *tree, int node);

#endif
