/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of the machine's event loops, to choose from what is to be measured. As the rest of the
 * view it knows no terminal: rows and keys in, cells and requests out.
 */
#ifndef LOOPSTALL_VIEW_CHOOSER_H
#define LOOPSTALL_VIEW_CHOOSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "view/canvas.h"
#include "view/view.h"

/* A process with event loops. Texts are raw. */
struct choice {
	pid_t pid;
	char user[32], version[16], kinds[48], command[256];
	unsigned int n_loops;
	int n_tasks; /* negative: not known */
	bool is_busy_known;
	double busy; /* of the busiest loop: how often it was not in its poll, 0 ... 1 */
	uint64_t stuck_ns; /* so long one does not run, and not in its poll; 0: none is stuck */
	const char *stuck_in; /* the system call, NULL: none, or not known */
};

struct choices {
	size_t n;
	const struct choice *list;
	size_t n_left; /* processes that are still to be examined */
};

enum chooser_request {
	CHOOSER_NOTHING,
	CHOOSER_REDRAW,
	CHOOSER_CHOSEN, /* chooser__chosen() has them */
	CHOOSER_QUIT,
	CHOOSER_SUSPEND,
};

struct chooser;

/* 0 or -ENOMEM. */
int chooser__new(struct chooser **ret_chooser);
void chooser__free(struct chooser *c);
static inline void chooser__freep(struct chooser **c)
{
	chooser__free(*c);
}

/* 0 or -ENOMEM. */
int chooser__draw(struct chooser *c, const struct choices *choices, struct canvas *canvas);
enum chooser_request chooser__input(struct chooser *c, const struct view_event *event);
/*
 * The tagged ones, else the one under the cursor, as drawn last. Returns how many, at most `max`.
 */
size_t chooser__chosen(const struct chooser *c, const struct choices *choices, pid_t *pids,
		       size_t max);

#endif
