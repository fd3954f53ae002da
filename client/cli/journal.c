/*
 * journal - lines into a file that may be cut off at any of them
 *
 * Role:       see journal.h.
 * Uses:       libc
 */
#include "client/cli/journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Longer than any line. */
#define LINE_BYTES 512u

static void stop(struct journal *j, int err)
{
	if (err == ENOSPC || err == EDQUOT)
		snprintf(j->over, sizeof(j->over), "disk full");
	else
		snprintf(j->over, sizeof(j->over), "cannot write: %s", strerror(err));
}

/* Of @n bytes more, which begin with a line, only whole lines stay. */
static void cut(struct journal *j, size_t n)
{
	const char *end = n ? memrchr(j->gathered, '\n', n) : NULL;

	j->bytes += end ? (size_t)(end + 1 - j->gathered) : 0;
	/* Where even this fails a reader finds half a line, and says so. */
	if (ftruncate(j->fd, (off_t)j->bytes))
		return;
	lseek(j->fd, (off_t)j->bytes, SEEK_SET);
}

void journal_flush(struct journal *j)
{
	size_t done = 0;

	while (done < j->n) {
		ssize_t n = write(j->fd, j->gathered + done, j->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			stop(j, n ? errno : ENOSPC);
			cut(j, done);
			j->n = 0;
			return;
		}
		done += (size_t)n;
	}
	j->bytes += done;
	j->n = 0;
}

void journal_line(struct journal *j, const char *fmt, ...)
{
	va_list args;
	int n;

	if (j->n + LINE_BYTES > sizeof(j->gathered))
		journal_flush(j);
	if (j->over[0])
		return;
	va_start(args, fmt);
	n = vsnprintf(j->gathered + j->n, LINE_BYTES - 1, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= LINE_BYTES - 1) {
		snprintf(j->over, sizeof(j->over), "a line is too long");
		return;
	}
	if (j->bytes_max && j->bytes + j->n + (size_t)n + 1 > j->bytes_max) {
		snprintf(j->over, sizeof(j->over), "--max-bytes");
		return;
	}
	j->n += (size_t)n;
	j->gathered[j->n++] = '\n';
}
