/*
 * log - lines for the administrator
 *
 * Role:       see log.h.
 * Uses:       base/clock.h
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* A line is cut here; longer ones would be ours to shorten. */
#define LINE_BYTES 2048

#define LIMIT_USEC 1000000

static enum log_level level_max = LOG_LEVEL_INFO;
static bool level_prefix;

void log_open(enum log_level max)
{
	level_max = max;
	level_prefix = !isatty(STDERR_FILENO) && getenv("JOURNAL_STREAM");
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"error", LOG_LEVEL_ERROR},
		{"warning", LOG_LEVEL_WARNING},
		{"info", LOG_LEVEL_INFO},
		{"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = levels[i].level;
			return 0;
		}
	}
	return LOG_E_LEVEL;
}

/* What does not fit is cut; room for the newline stays. */
static void line_vadd(char line[static LINE_BYTES], size_t *at, const char *fmt, va_list args)
	PRINTF_LIKE(3, 0);
static void line_vadd(char line[static LINE_BYTES], size_t *at, const char *fmt, va_list args)
{
	size_t room = LINE_BYTES - 1 - *at;
	int n = vsnprintf(line + *at, room, fmt, args);

	if (n > 0)
		*at += (size_t)n < room ? (size_t)n : room - 1;
}

static void line_add(char line[static LINE_BYTES], size_t *at, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void line_add(char line[static LINE_BYTES], size_t *at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line_vadd(line, at, fmt, args);
	va_end(args);
}

/* One write(2) a line, so that lines of several processes on one terminal do not mix. */
static void line_write(enum log_level level, const char *fmt, va_list args, uint64_t nsuppressed)
{
	char line[LINE_BYTES];
	int saved_errno = errno;
	size_t at = 0;

	if (level_prefix)
		line_add(line, &at, "<%d>", (int)level);
	else
		line_add(line, &at, "pallocd: ");
	line_vadd(line, &at, fmt, args);
	if (nsuppressed)
		line_add(line, &at, " (and %" PRIu64 " more like it)", nsuppressed);
	for (size_t i = 0; i < at; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[at++] = '\n';
	/* A log that cannot be written is nobody's to report to. */
	(void)!write(STDERR_FILENO, line, at);
	errno = saved_errno;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (level > level_max)
		return;
	va_start(args, fmt);
	line_write(level, fmt, args, 0);
	va_end(args);
}

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	uint64_t now = clock_usec();
	va_list args;

	if (now < limit->next_usec) {
		limit->nsuppressed++;
		return;
	}
	limit->next_usec = now + LIMIT_USEC;
	if (level <= level_max) {
		va_start(args, fmt);
		line_write(level, fmt, args, limit->nsuppressed);
		va_end(args);
	}
	limit->nsuppressed = 0;
}
