/*
 * error - what a failed call tells its caller
 *
 * Role:       see error.h; and the public functions about statuses.
 * Uses:       text, proto/status.h
 */
#include "client/lib/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/lib/text.h"
#include "proto/status.h"

int error_set(struct paclient_error *e, int status, const char *fmt, ...)
{
	va_list args;

	memset(e, 0, sizeof(*e));
	e->status = status;
	va_start(args, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, args);
	va_end(args);
	return status;
}

void error_more(struct paclient_error *e, const char *what)
{
	size_t n = strlen(e->message);

	snprintf(e->message + n, sizeof(e->message) - n, "; %s", what);
}

int error_argument(struct paclient_error *e, const char *field, const char *what)
{
	error_set(e, PACLIENT_BAD_ARGUMENT, "%s %s", field, what);
	snprintf(e->field, sizeof(e->field), "%s", field);
	return PACLIENT_BAD_ARGUMENT;
}

int error_name(struct paclient_error *e, const char *name)
{
	if (!name || !name[0])
		return error_argument(e, "name", "is empty");
	if (strlen(name) >= PACLIENT_NAME_BYTES)
		return error_argument(e, "name", "is longer than 63 bytes");
	return 0;
}

/* The first of the extents in the way. */
static int extents_read(struct paclient_error *e, const Pallocd__V1__Refusal *r)
{
	if (r->n_extent_addr != r->n_extent_npages || r->n_extent_addr > r->nextents)
		return -EBADMSG;
	e->nextents = r->nextents;
	for (; e->nlisted < r->n_extent_addr && e->nlisted < PACLIENT_ERROR_EXTENTS_MAX;
	     e->nlisted++)
		e->extents[e->nlisted] = (struct paclient_range){r->extent_addr[e->nlisted],
								 r->extent_npages[e->nlisted]};
	return 0;
}

int error_from_reply(struct paclient_error *e, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__Refusal *r = reply->refusal;
	int status = (int)reply->status;

	if (status <= 0 || status >= PACLIENT_TIMED_OUT)
		return error_set(e, PACLIENT_PROTOCOL, "the daemon sent the status %d", status);
	error_set(e, status, "%s", pallocd_status_sentence((unsigned)status));
	if (reply->message[0])
		text_copy(e->message, sizeof(e->message), reply->message);
	if (!r)
		return status;
	text_copy(e->field, sizeof(e->field), r->field);
	e->index = r->index;
	e->asked = r->asked;
	e->limit = r->limit;
	e->free_npages = r->free_npages;
	e->largest_npages = r->largest_npages;
	e->growable_npages = r->growable_npages;
	e->addr = r->addr;
	e->placed_npages = r->placed_npages;
	e->aligned_npages = r->aligned_npages;
	e->bounded_npages = r->bounded_npages;
	e->used = r->used;
	e->quota_npages = r->quota_npages;
	if (extents_read(e, r))
		return error_set(e, PACLIENT_PROTOCOL, "a refusal whose extents cannot be counted");
	return status;
}

const char *paclient_status_name(int status)
{
	return pallocd_status_name((unsigned)status);
}

const char *paclient_status_sentence(int status)
{
	return pallocd_status_sentence((unsigned)status);
}

int paclient_status_exit_code(int status)
{
	return pallocd_status_exit_code((unsigned)status);
}

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *paclient_version(void)
{
	return VERSION(PACLIENT_VERSION_MAJOR, PACLIENT_VERSION_MINOR, PACLIENT_VERSION_PATCH);
}
