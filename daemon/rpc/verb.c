/*
 * verb - the one table of verbs
 *
 * Role:       see verb.h.
 * Uses:       rpc/verb.h
 */
#include "rpc/verb.h"

static const struct verb verbs[] = {
#define ROW(NAME, name, ...)                                                                      \
	[PALLOCD__V1__REQUEST__VERB_##NAME] = {.request = &pallocd__v1__##name##__descriptor,     \
					       .reply = &pallocd__v1__##name##_reply__descriptor, \
					       .result = PALLOCD__V1__REPLY__RESULT_##NAME,       \
					       .serve = name##_serve,                             \
					       __VA_ARGS__},
	VERB_TABLE(ROW)
#undef ROW
};

const struct verb *verb_get(uint64_t number)
{
	return number < ARRAY_SIZE(verbs) && verbs[number].serve ? &verbs[number] : NULL;
}
