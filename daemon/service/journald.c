/*
 * journald - lines with their fields go to systemd's journal
 *
 * Role:       see journald.h.
 * Uses:       libsystemd, base/
 */
/* Where in the source a line comes from is this file for all of them, and says nothing. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "service/journald.h"

#include <stdio.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "base/log.h"

/* More fields than any line has, and MESSAGE, PRIORITY, MESSAGE_ID. */
#define ENTRIES_MAX 16u
/* A line, and a region's name or a status' in a field. */
#define ENTRY_BYTES_MAX 4096u

struct entries {
	struct iovec iov[ENTRIES_MAX];
	int n;
	char text[ENTRY_BYTES_MAX];
	size_t at;
};

/* "NAME=value"; what does not fit is left out. */
static void add(struct entries *e, const char *name, const char *value)
{
	size_t room = sizeof(e->text) - e->at;
	int n = snprintf(e->text + e->at, room, "%s=%s", name, value);

	if (n < 0 || (size_t)n >= room || e->n == ENTRIES_MAX)
		return;
	e->iov[e->n++] = (struct iovec){e->text + e->at, (size_t)n};
	e->at += (size_t)n;
}

static void add_field(struct entries *e, const struct log_field *f)
{
	char number[32];

	if (f->text ? !*f->text : !f->number && !f->zero)
		return;
	snprintf(number, sizeof(number), "%llu", f->number);
	add(e, f->name, f->text ? f->text : number);
}

/*
 * It may block while the journal does not read, as a write to stderr would, which goes to the same place; LIMITED and the rarity
 * of all other lines see to it that there is always room.
 */
static int entry_send(enum log_level level, const char *number, const struct log_field *fields,
		      const char *line)
{
	struct entries e = {.n = 0};
	char priority[16];

	snprintf(priority, sizeof(priority), "%d", (int)level);
	add(&e, "MESSAGE", line);
	add(&e, "PRIORITY", priority);
	if (number)
		add(&e, "MESSAGE_ID", number);
	for (; fields && fields->name; fields++)
		add_field(&e, fields);
	return sd_journal_sendv(e.iov, e.n);
}

void journald_open(void)
{
	if (log_to_journal())
		log_sink_set(entry_send);
}
