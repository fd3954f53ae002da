/*
 * log - lines for the administrator
 *
 * Role:       see log.h.
 * Uses:       base/clock.h
 */
#include "base/log.h"

#include <errno.h>
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

/* One write(2) a line, so that lines of several processes on one terminal do not mix. */
void log_write(enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	int saved_errno = errno;
	size_t at, limit = sizeof(line) - 1;
	va_list args;
	int n;

	if (level > level_max)
		return;
	n = level_prefix ? snprintf(line, limit, "<%d>", (int)level)
			 : snprintf(line, limit, "pallocd: ");
	at = (size_t)n;
	va_start(args, fmt);
	n = vsnprintf(line + at, limit - at, fmt, args);
	va_end(args);
	if (n > 0)
		at += (size_t)n < limit - at ? (size_t)n : limit - at - 1;
	for (size_t i = 0; i < at; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[at++] = '\n';
	/* A log that cannot be written is nobody's to report to. */
	if (write(STDERR_FILENO, line, at) < 0)
		errno = saved_errno;
	errno = saved_errno;
}

bool log_allow(struct log_limit *limit, uint64_t *ret_nsuppressed)
{
	uint64_t now = clock_usec();

	if (now < limit->next_usec) {
		limit->nsuppressed++;
		return false;
	}
	*ret_nsuppressed = limit->nsuppressed;
	limit->nsuppressed = 0;
	limit->next_usec = now + LIMIT_USEC;
	return true;
}
