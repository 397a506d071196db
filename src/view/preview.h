/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The preview: below the table of a tall screen, what the detail would show of the row under the
 * cursor.
 */
#ifndef LOOPSTALL_VIEW_PREVIEW_H
#define LOOPSTALL_VIEW_PREVIEW_H

#include "view/screens.h"

struct preview;

int preview__new(struct preview **ret_preview);
void preview__free(struct preview *p);
void preview__toggle(struct preview *p);
/* How many of so many rows of the screen it takes; 0 if it is not shown. */
int preview__rows(const struct preview *p, const struct canvas *c, int rows);
void preview__draw(struct preview *p, const struct screen_area *area,
		   const struct screen_subject *subject);

#endif
