/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A detail as the lines of a page.
 */
#ifndef LOOPSTALL_VIEW_DETAIL_DRAW_H
#define LOOPSTALL_VIEW_DETAIL_DRAW_H

#include "view/detail.h"
#include "view/page.h"

void detail__draw(struct page *p, const struct detail *d);
/* The part about one task: what it does, its await chain, who awaits it. */
void detail__draw_task(struct page *p, const struct detail *d);
/* Who awaits the task, who awaits that one, and so on. */
void detail__draw_awaiters(struct page *p, const struct detail_task *t);

#endif
