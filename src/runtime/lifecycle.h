/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of the tasks of a process, seen from outside: which there are, where they wait, and what
 * is wrong with some of them. Tasks that stand at one place are one group. Read from memory while
 * the process runs: each number may be of another moment than the others, so what is said of a task
 * counts only if it is so at two looks in a row.
 */
#ifndef LOOPSTALL_RUNTIME_LIFECYCLE_H
#define LOOPSTALL_RUNTIME_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

/*
 * _(NAME, word in JSON, what one of them is, what it does, what several do). A task that is alive
 * is in a group of ALIVE; one with a problem is in a group of that kind as well.
 */
#define LIFE_KINDS(_)                                                                              \
	_(ALIVE, "alive", "task", "is alive", "are alive")                                         \
	_(CANCELLED, "cancelled", "task", "was asked to cancel and has not ended",                 \
	  "were asked to cancel and have not ended")                                               \
	_(FAILED, "failed", "task", "ended with an exception that nobody has retrieved",           \
	  "ended with exceptions that nobody has retrieved")                                       \
	_(DEADLOCK, "deadlock", "task", "waits for a task that waits for it",                      \
	  "wait for a task that waits for them")                                                   \
	_(FORGOTTEN, "forgotten", "task", "waits for what nothing else refers to",                 \
	  "wait for what nothing else refers to")                                                  \
	_(GENERATOR, "generator", "async generator", "is open", "are open")                        \
	_(UNSTARTED, "unstarted", "coroutine", "was made and has not begun",                       \
	  "were made and have not begun")                                                          \
	_(DROPPED, "dropped", "coroutine", "was never awaited", "were never awaited")

enum life_kind {
#define _(name, ...) LIFE_##name,
	LIFE_KINDS(_)
#undef _
		LIFE_KIND_MAX
};

#define LIFE_FRAMES 8
#define LIFE_TYPE_BYTES 48
#define LIFE_FILE_BYTES 256
#define LIFE_NAME_BYTES 64

/*
 * Where the coroutines were made, or (DROPPED) dropped: texts are UTF-8, raw; line 0: not known.
 */
struct life_origin {
	uint32_t line;
	char file[LIFE_FILE_BYTES];
	char function[LIFE_NAME_BYTES];
};

struct life_group {
	enum life_kind kind;
	uint64_t key; /* of the kind and of all that tells it from other groups */
	uint64_t code, qualname; /* of their coroutine; 0: not known */
	/* of DEADLOCK: of the coroutine of the task that they wait for; 0: for themselves */
	uint64_t other_code, other_qualname;
	/* their await chain, or where the exception was raised; innermost first */
	size_t n_frames;
	struct ls_frame frames[LIFE_FRAMES];
	/*
	 * type of what they wait for, or of the exception; of DROPPED: the coroutine's name; "":
	 * none, or not known
	 */
	char type[LIFE_TYPE_BYTES];
	struct life_origin origin;
	uint32_t count;
	uint32_t unawaited; /* of `count`: nobody is told when they are done */
	bool is_outside; /* they wait for what the other end of a connection sends */
	/* By comparison with the look before, see session/lives.h; 0 after a single look. */
	uint64_t since_ns; /* when the oldest of them was first seen so */
	uint32_t ended; /* of those of the look before: they are not in this group any more */
};

/* One task, or generator, in one group. */
struct life_member {
	uint64_t object; /* its address */
	uint64_t identity; /* what another one at the same address would not have */
	uint32_t group;
};

/* What a look is to find. */
enum life_depth {
	LIFE_ONCE, /* all: there is no other look */
	/* what is cheap, for one of many looks: nothing of the rare kinds */
	LIFE_CHEAP,
	LIFE_FULL, /* of many looks: the rare kinds as well */
};

/* Kinds that take long to find, so that most looks leave them out. */
static inline bool life_kind__is_rare(enum life_kind kind)
{
	return kind == LIFE_UNSTARTED || kind == LIFE_DROPPED;
}

#define LIFE_RARE_LOOKS 5 /* one look of so many is full */
#define LIFE_GROUPS_MAX 256 /* that a look tells apart */

struct lifecycle {
	enum life_depth depth; /* set before the look */
	size_t alive; /* tasks that are not done, of all libraries */
	bool is_cut; /* there may be more: not all tasks were looked at, or not all groups kept */
	size_t n;
	struct life_group groups[LIFE_GROUPS_MAX];
	size_t n_members, size;
	struct life_member *members;
};

/* "deadlock" */
const char *life_kind__word(enum life_kind kind);
/* "task" */
const char *life_kind__noun(enum life_kind kind);
/* "is open", "are open" */
const char *life_kind__phrase(enum life_kind kind, uint64_t count);

/* `life` is all zero before its first use. */
void lifecycle__done(struct lifecycle *life);
/* Forgets all groups and members. */
void lifecycle__clear(struct lifecycle *life);
/*
 * The group like `like`, a new one if there is none; SIZE_MAX without room. Computes the key from
 * all that is in front of `origin` and from its line.
 */
size_t lifecycle__group(struct lifecycle *life, const struct life_group *like);
/* 0 or -ENOMEM. */
int lifecycle__add(struct lifecycle *life, size_t group, uint64_t object, uint64_t identity);

#endif
