/*
 * error - what a failed call tells its caller
 *
 * Role:       fills struct paclient_error.
 * Uses:       include/paclient.h, proto/
 */
#ifndef PACLIENT_LIB_ERROR_H
#define PACLIENT_LIB_ERROR_H

#include "client/lib/handle.h"

/** error_set() - @status and a sentence; everything else is cleared. Return: @status. */
PRINTF_LIKE(3, 4) int error_set(struct paclient_error *e, int status, const char *fmt, ...);

/** error_more() - append "; " and @what to the sentence. */
void error_more(struct paclient_error *e, const char *what);

/** error_argument() - BAD_ARGUMENT about argument @field. Return: the status. */
int error_argument(struct paclient_error *e, const char *field, const char *what);

/** error_name() - @name can be a region's or an extent's. Return: 0, or BAD_ARGUMENT about "name". */
MUST_CHECK int error_name(struct paclient_error *e, const char *name);

/** error_from_reply() - the daemon's refusal. Return: the status, PROTOCOL for one that cannot travel. */
int error_from_reply(struct paclient_error *e, const Pallocd__V1__Reply *reply);

#endif
