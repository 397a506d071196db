/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page without its data: style and scripts, which need no other file.
 */
#ifndef LOOPSTALL_REPORT_HTML_PAGE_H
#define LOOPSTALL_REPORT_HTML_PAGE_H

#include <stdio.h>

enum html_page {
	HTML_PAGE_REPORT, /* its data is between begin and end */
	HTML_PAGE_LIVE, /* fetches it from where the page came from; no data in between */
};

/* What keeps the page from the network, as the value of the header Content-Security-Policy. */
#define HTML_PAGE_POLICY "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
#define HTML_PAGE_LIVE_POLICY HTML_PAGE_POLICY "; connect-src 'self'"

void html_page__begin(FILE *out, enum html_page page);
void html_page__end(FILE *out, enum html_page page);

#endif
