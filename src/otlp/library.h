/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libcurl, loaded at run time, and only by the child that sends: it needs some twenty libraries,
 * which no other command should have to load.
 */
#ifndef LOOPSTALL_OTLP_LIBRARY_H
#define LOOPSTALL_OTLP_LIBRARY_H

#include <curl/curl.h>

/* CURL_FUNCTIONS(_): _(name): those that are called. */
#define CURL_FUNCTIONS(_)                                                                          \
	_(global_init)                                                                             \
	_(easy_init)                                                                               \
	_(easy_reset)                                                                              \
	_(easy_setopt)                                                                             \
	_(easy_perform)                                                                            \
	_(easy_getinfo)                                                                            \
	_(easy_strerror)                                                                           \
	_(slist_append)

/* The names of the library are macros that check arguments; pointers of the same types are not. */
struct curl_library {
#define _(name) __typeof__(&(curl_##name)) name;
	CURL_FUNCTIONS(_)
#undef _
};

/* 0; -ENOENT: it is not installed; -ENOTSUP: this program loads none (library_static.c). */
int curl_library__load(struct curl_library *ret_library);

#endif
