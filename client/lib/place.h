/*
 * place - where extents may lie
 *
 * Role:       a caller's placement, of whichever version, becomes the wire's.
 * Uses:       call, error
 */
#ifndef PACLIENT_LIB_PLACE_H
#define PACLIENT_LIB_PLACE_H

#include "client/lib/handle.h"

/**
 * place_read() - the message that says what @from says
 * @ret: written also on failure, without meaning
 *
 * Only what cannot travel is refused: whether the constraints can be met is for the daemon to say.
 * Return: 0, or BAD_ARGUMENT told to @e.
 */
MUST_CHECK int place_read(struct paclient_error *e, const struct paclient_placement *from,
			  Pallocd__V1__Placement *ret);

#endif
