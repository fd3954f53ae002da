/*
 * alloc - an Alloc that says more than how many pages
 *
 * Role:       a caller's options, of whichever version, become the wire's.
 * Uses:       call, place, error
 */
#ifndef PACLIENT_LIB_ALLOC_H
#define PACLIENT_LIB_ALLOC_H

#include "client/lib/handle.h"

/* The request, with all that it points to; stays where it is until its call is over. */
struct alloc_message {
	Pallocd__V1__Request request;
	Pallocd__V1__Alloc alloc;
	Pallocd__V1__Placement where;
};

/** alloc_options() - the caller's options over the defaults; NULL = these. Return: 0, or BAD_ARGUMENT told to @e. */
MUST_CHECK int alloc_options(struct paclient_error *e, const struct paclient_alloc_options *from,
			     struct paclient_alloc_options *ret);

/** alloc_plain() - nothing is set that the request of the hot path could not say. */
bool alloc_plain(const struct paclient_alloc_options *o);

/** alloced_give() - what a reply says about the memory of the pages it brings, to the caller's struct; NULL: nobody wants to know. */
void alloced_give(uint64_t scavenged_npages, uint64_t cleared_npages, struct paclient_alloced *to);

/** alloced_check() - the caller's struct for it, which may be NULL. Return: 0, or BAD_ARGUMENT told to @k. */
MUST_CHECK int alloced_check(struct call *k, const char *name, const struct paclient_alloced *to);

/** alloc_flags() - are they known? Return: 0, or BAD_ARGUMENT told to @e. */
MUST_CHECK int alloc_flags(struct paclient_error *e, unsigned flags);

/**
 * alloc_message() - the request for what k->extents and @o say; the deadline of @k is the later for o->wait_ms
 * @user: the caller's struct
 * @ret:  written also on failure, without meaning
 *
 * Only what cannot travel is refused, and what this daemon would not see.
 * Return: 0, or a status told to @k.
 */
MUST_CHECK int alloc_message(struct call *k, const struct paclient_alloc_options *o,
			     const struct paclient_call *user, struct alloc_message *ret);

#endif
