/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one sink for messages: stderr. Only src/app and src/session log above debug level.
 */
#ifndef LOOPSTALL_BASE_LOG_H
#define LOOPSTALL_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
int log_level_enabled(enum log_level level);
void log_message(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_message(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_message(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_level_enabled(LOG_DEBUG))                                                  \
			log_message(LOG_DEBUG, __VA_ARGS__);                                       \
	} while (0)

#endif
