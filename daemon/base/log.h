/*
 * log - lines for the administrator, on stderr or in the journal
 *
 * Role:       start, stop, changes of configuration, misbehaviour. The allocator and the library never come here.
 * Uses:       base/clock.h, base/log_id.h
 *
 * Where stderr is a terminal, a file or a pipe, a line begins with "pallocd: ". Where it goes to the journal, lines with their fields
 * are handed to whoever log_sink_set() has named; without one each begins with the level as "<N>", which the journal takes off and
 * stores. Of what clients can cause (LIMITED in log_id.h) each cause has one line a second, and LOG_CAUSES lines
 * all causes together: a cause is an id with the region, the user and the status that the line is about, so that nobody's misbehaviour hides
 * another's. All of this is the loop's thread's alone, but for log_write() without an id.
 */
#ifndef PALLOCD_BASE_LOG_H
#define PALLOCD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_id.h"
#include "base/macros.h"

/* The numbers are syslog's, as the journal reads them. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_outcome { LOG_E_LEVEL = 1 /* no level of that name */ };

/** log_open() - look at stderr, and let lines up to @max through; without it: up to info, no prefix numbers. */
void log_open(enum log_level max);

/** log_to_journal() - does stderr go to the journal, as far as log_open() has seen? */
bool log_to_journal(void);

/** log_has() - would a line of that level be seen? */
bool log_has(enum log_level level);

/** log_level_parse() - "error", "warning", "info", "debug". Return: 0, LOG_E_LEVEL. */
MUST_CHECK int log_level_parse(const char *text, enum log_level *ret_level);

/**
 * log_sink - takes a line with its fields
 * @number: 32 hexadecimal digits; NULL where the line has none
 * @fields: up to one without a name; NULL: none
 *
 * Return: 0, or a negative errno: the line goes to stderr.
 */
typedef int log_sink(enum log_level level, const char *number, const struct log_field *fields,
		     const char *line);

/** log_sink_set() - from now on lines go to @sink where stderr goes to the journal; NULL: to stderr. */
void log_sink_set(log_sink *sink);

/** log_id_number() - 32 hexadecimal digits; NULL for LOG_ID_NONE. */
const char *log_id_number(enum log_id id);

/** log_write() - one line, without newline at its end; control characters become '?'. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/**
 * log_event() - the same with an id, and what the line is about
 * @fields: LOG_FIELDS(...), or NULL
 *
 * Where the id is LIMITED and its cause had a line within the last second there is none; how many had none is told with the next one of that
 * cause, or, where none follows, by log_limits_tell().
 */
void log_event(enum log_level level, enum log_id id, const struct log_field *fields,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);

/** log_limits_due() - when log_limits_tell() has something to tell, by clock_usec(); UINT64_MAX: nothing was kept back. */
uint64_t log_limits_due(void);

/**
 * log_limits_tell() - how many lines were kept back and not told yet, one line for each cause that has been silent since its second was over
 * @now_usec: UINT64_MAX: of all causes, which begin anew
 */
void log_limits_tell(uint64_t now_usec);

/* Causes that are told apart at once, and so lines a second. */
#define LOG_CAUSES 64u

/** log_kept_back() - lines that had none, since the start. */
uint64_t log_kept_back(void);

#endif
