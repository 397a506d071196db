/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A detail as the lines of a page.
 */
#ifndef LOOPSTALL_VIEW_DETAIL_DRAW_H
#define LOOPSTALL_VIEW_DETAIL_DRAW_H

#include "view/detail.h"
#include "view/page.h"

void detail__draw(struct page *p, const struct detail *d);
/* Parts of it: what it is and what to do about it; the source line; both. */
void detail__draw_about(struct page *p, const struct detail *d);
void detail__draw_source(struct page *p, const struct detail *d);
void detail__draw_what(struct page *p, const struct detail *d);
/* The stack and who waits. */
void detail__draw_evidence(struct page *p, const struct detail *d);
/* Its name and place, in one line; returns the column behind. */
int detail__draw_title(struct page *p, int row, int column, const struct screen_subject *subject,
		       const struct detail *d);
/* The part about one task: what it does, its await chain, who awaits it. */
void detail__draw_task(struct page *p, const struct detail *d);
/* Who awaits the task, who awaits that one, and so on. */
void detail__draw_awaiters(struct page *p, const struct detail_task *t);

#endif
