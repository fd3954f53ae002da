/*
 * calls - one request each, for the observer and for its victims
 *
 * Role:       the calls that the death test makes; where one cannot be made or is refused, the process is aborted.
 * Uses:       tests/unit/wire.h
 */
#ifndef PALLOCD_TESTS_DEATHS_CALLS_H
#define PALLOCD_TESTS_DEATHS_CALLS_H

#include "base/macros.h"
#include "tests/e2e/deaths/model.h"

/* A session as its Hello was answered. */
struct calls_session {
	uint64_t id;
	uint8_t token[PALLOCD_TOKEN_BYTES];
};

/** calls_hello() - @token: to be resumed, or NULL. */
void calls_hello(int fd, uint64_t grace_msec, const uint8_t *token, struct calls_session *ret);

/** calls_alloc() - @e's region, npages and name; its address is written. Return: false where there is no space. */
MUST_CHECK bool calls_alloc(int fd, struct model_extent *e, bool detached);

/** calls_wait_begin() - ask for a page of REGION_FULL and for ten minutes; the reply is not read. */
void calls_wait_begin(int fd);

void calls_free(int fd, const struct model_extent *e);
void calls_share(int fd, const struct model_extent *e);
void calls_release(int fd, const struct model_extent *e);

/** calls_end_session() - of any session. */
void calls_end_session(int fd, uint64_t id);

/** calls_settle() - until no session but the caller's is there in any state. */
void calls_settle(int fd);

/** calls_await_waiting() - until so many Allocs wait. */
void calls_await_waiting(int fd, uint64_t n);

#endif
