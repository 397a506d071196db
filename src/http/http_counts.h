/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the HTTP server counts. The numbers are in memory that parent and child share, so those of a
 * child that was killed are not lost.
 */
#ifndef LOOPSTALL_HTTP_HTTP_COUNTS_H
#define LOOPSTALL_HTTP_HTTP_COUNTS_H

#include <stdint.h>

/*
 * HTTP_COUNTS(_): _(name, "sentence"). The name is the value of a label in the metrics, so a row
 * that is out stays.
 */
#define HTTP_COUNTS(_)                                                                             \
	_(connections, "connections accepted")                                                     \
	_(connections_closed, "connections ended")                                                 \
	_(requests, "requests with a whole and valid header")                                      \
	_(status_2xx, "replies with status 200 to 299")                                            \
	_(status_3xx, "replies with status 300 to 399")                                            \
	_(status_4xx, "replies with status 400 to 499")                                            \
	_(status_5xx, "replies with status 500 to 599")                                            \
	_(refused_full, "connections refused: as many were open as may be")                        \
	_(refused_address, "connections refused: one address had as many as it may have")          \
	_(closed_for_room,                                                                         \
	  "connections closed for new ones: no request had come for the longest time")             \
	_(refused_method, "requests refused: neither GET nor HEAD")                                \
	_(refused_path, "requests refused: no such path")                                          \
	_(refused_host, "requests refused: the Host header names another machine")                 \
	_(refused_cross_site, "requests refused: sent by a page of another site")                  \
	_(refused_body, "requests refused: they have a body")                                      \
	_(refused_length, "requests refused: header longer than what is passed on")                \
	_(no_credentials, "requests refused: no user and password")                                \
	_(bad_credentials, "requests refused: wrong user or password")                             \
	_(refused_checks, "requests refused: as many passwords were being checked as may be")      \
	_(tls_failed, "connections that ended before TLS was set up")                              \
	_(no_request, "connections that ended without a whole and valid request")                  \
	_(timeout_header, "connections closed: no whole header in time")                           \
	_(timeout_answer, "requests without an answer in time")                                    \
	_(timeout_write, "connections closed: the reply was not read in time")                     \
	_(client_left, "requests whose client left before the reply was sent")                     \
	_(reply_gone, "replies dropped: the request was gone")                                     \
	_(reply_too_large, "replies dropped: too large, or no room in the queue")                  \
	_(no_memory, "requests refused: no memory was left for them or their reply")               \
	_(child_starts, "starts of the child")                                                     \
	_(child_restarts, "starts of the child after the first")                                   \
	_(child_killed, "ends of the child by a signal")                                           \
	_(child_exited, "ends of the child by itself")                                             \
	_(child_misbehaved, "children ended by us: a message broke the protocol")                  \
	_(start_failed, "starts of the child that failed")                                         \
	_(config_reloads, "times the web configuration was read again and taken")                  \
	_(config_errors, "times a changed web configuration was not taken")

enum http_count {
#define _(name, sentence) HTTP_COUNT_##name,
	HTTP_COUNTS(_)
#undef _
		HTTP_COUNT_MAX
};

struct http_counts {
	uint64_t n[HTTP_COUNT_MAX];
};

struct http_count_info {
	const char *name, *sentence;
};

extern const struct http_count_info http_count_infos[HTTP_COUNT_MAX];

#endif
