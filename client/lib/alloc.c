/*
 * alloc - all that an Alloc may be told
 *
 * Role:       see alloc.h.
 * Uses:       call, place, error
 */
#include "client/lib/alloc.h"

#include "client/lib/call.h"
#include "client/lib/place.h"

int alloc_options(struct paclient_error *e, const struct paclient_alloc_options *from,
		  struct paclient_alloc_options *ret)
{
	*ret = (struct paclient_alloc_options)PACLIENT_ALLOC_OPTIONS_INIT;
	if (from && call_struct(e, "options", from, ret, sizeof(*ret)))
		return PACLIENT_BAD_ARGUMENT;
	if (ret->wait_ms < 0)
		return error_argument(e, "options.wait_ms", "must not be negative");
	if (ret->commit < PACLIENT_COMMIT_DEFAULT || ret->commit > PACLIENT_COMMIT_NOW)
		return error_argument(e, "options.commit", "is no enum paclient_commit");
	return 0;
}

bool alloc_plain(const struct paclient_alloc_options *o)
{
	return !o->placement && !o->name && !o->label && !o->wait_ms && !o->commit && !o->zero;
}

void alloced_give(uint64_t scavenged_npages, uint64_t cleared_npages, struct paclient_alloced *to)
{
	struct paclient_alloced alloced = {.size = sizeof(alloced),
					   .scavenged_npages = scavenged_npages,
					   .cleared_npages = cleared_npages};

	if (to)
		call_result_give(&alloced, to);
}

int alloced_check(struct call *k, const char *name, const struct paclient_alloced *to)
{
	return to ? call_result_check(k, name, to) : 0;
}

int alloc_flags(struct paclient_error *e, unsigned flags)
{
	return flags & ~PACLIENT_DETACHED
		       ? error_argument(e, "flags", "has bits that this version does not know")
		       : 0;
}

/* Is the daemon new enough for all that is set? */
static int alloc_needs(struct call *k, const struct paclient_alloc_options *o)
{
	int status = 0;

	if (o->placement)
		status = call_needs(k, PACLIENT_FEATURE_PLACEMENT, "placement");
	if (!status && o->name)
		status = call_needs(k, PACLIENT_FEATURE_NAMES, "name");
	if (!status && o->label)
		status = call_needs(k, PACLIENT_FEATURE_NAMES, "label");
	if (!status && o->wait_ms)
		status = call_needs(k, PACLIENT_FEATURE_WAIT, "wait_ms");
	if (!status && o->commit)
		status = call_needs(k, PACLIENT_FEATURE_BACKING, "commit");
	if (!status && o->zero)
		status = call_needs(k, PACLIENT_FEATURE_BACKING, "zero");
	return status;
}

int alloc_message(struct call *k, const struct paclient_alloc_options *o,
		  const struct paclient_call *user, struct alloc_message *ret)
{
	Pallocd__V1__Alloc *alloc = &ret->alloc;
	int status = 0;

	if (o->placement)
		status = place_read(k->error, o->placement, &ret->where);
	if (!status)
		status = alloc_needs(k, o);
	if (status)
		return status;
	pallocd__v1__alloc__init(alloc);
	alloc->region_id = k->extents.region_id;
	alloc->n_npages = k->extents.n;
	alloc->npages = (uint64_t *)k->extents.npages;
	alloc->lifetime = o->flags & PACLIENT_DETACHED ? PALLOCD__V1__LIFETIME__DETACHED
						       : PALLOCD__V1__LIFETIME__SESSION;
	alloc->placement = o->placement ? &ret->where : NULL;
	alloc->scatter_extents = (uint32_t)k->scatter_max;
	if (o->name)
		alloc->name = (char *)o->name;
	if (o->label)
		alloc->label = (char *)o->label;
	alloc->commit = (Pallocd__V1__Commit)o->commit;
	alloc->zero = o->zero;
	if (o->wait_ms)
		alloc->wait_msec = call_wait(k, o->wait_ms, user);
	pallocd__v1__request__init(&ret->request);
	ret->request.verb_case = PALLOCD__V1__REQUEST__VERB_ALLOC;
	ret->request.alloc = alloc;
	return 0;
}
