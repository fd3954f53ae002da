/*
 * scatter - pages in several extents
 *
 * Role:       what the reply to such an Alloc must hold, whether its caller still waits or not.
 * Uses:       proto/
 */
#ifndef PACLIENT_LIB_SCATTER_H
#define PACLIENT_LIB_SCATTER_H

#include "client/lib/handle.h"

/* As many pages as there are: leased blocks have what is free in them. */
#define SCATTER_ANY UINT64_MAX

/**
 * scatter_check() - @a holds 1 to @max extents of @npages pages in all; of any number of them with SCATTER_ANY
 *
 * Return: 0, or -EBADMSG.
 */
MUST_CHECK int scatter_check(const Pallocd__V1__AllocReply *a, size_t max, uint64_t npages);

#endif
