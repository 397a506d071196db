/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request may say: pure functions on its headers.
 */
#ifndef LOOPSTALL_HTTP_RULES_H
#define LOOPSTALL_HTTP_RULES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a Host header names this machine as it names itself: localhost, 127.0.0.0/8 or [::1],
 * with any port. A page whose name was rebound to a loopback address sends its own name.
 */
bool host_is_local(const char *host);

/* Does an Accept-Encoding header take gzip (RFC 9110, 12.5.3)? NULL: it does not. */
bool encoding_takes_gzip(const char *accept_encoding);

/* Does it pay to compress this content? NULL: no type. */
bool content_is_worth_gzip(const char *content_type, size_t bytes);

/* Is the content a page, which a browser runs? */
bool content_is_html(const char *content_type);

/* Printable ASCII, so that it can be passed on and printed. */
bool text_is_printable(const char *text);

#endif
