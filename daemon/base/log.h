/*
 * log - lines for the administrator, on stderr
 *
 * Role:       start, stop, changes of configuration, misbehaviour. The allocator and the library never come here.
 * Uses:       base/clock.h
 *
 * Under a service manager (stderr goes to the journal) each line begins with the level as "<N>", which the journal
 * takes off and stores; elsewhere with "pallocd: ".
 */
#ifndef PALLOCD_BASE_LOG_H
#define PALLOCD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

/* The numbers are syslog's, as the journal reads them. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_outcome { LOG_E_LEVEL = 1 /* no level of that name */ };

/** log_open() - look at stderr once, and let lines up to @max through; without it: up to info, no prefix numbers. */
void log_open(enum log_level max);

/** log_level_parse() - "error", "warning", "info", "debug". Return: 0, LOG_E_LEVEL. */
MUST_CHECK int log_level_parse(const char *text, enum log_level *ret_level);

/** log_write() - one line, without newline at its end; control characters become '?'. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* One cause of lines that clients can trigger: at most one line a second. Zero-initialised. */
struct log_limit {
	uint64_t next_usec;
	uint64_t nsuppressed;
};

/** log_limited() - as log_write(), but only if this cause had no line in the last second; how many had none is told later. */
void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
