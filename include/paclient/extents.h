/*
 * extents.h - the part of paclient.h about extents that are held: finding, listing, naming, sharing, handing over
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_EXTENTS_H
#define PACLIENT_EXTENTS_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* An extent as others may see it. */
struct paclient_extent {
	size_t size; /* bytes of this struct that are valid */
	uint64_t addr;
	uint64_t npages;
	uint64_t session_id; /* who holds it; 0 = the user */
	uint32_t uid;        /* the session's user, or the user who holds it */
	uint32_t nholders;   /* with those who share it */
	bool quarantined;    /* its session has ended, and it will be free in a while */
	char name[PACLIENT_NAME_BYTES];
	char label[PACLIENT_LABEL_BYTES];
};

/**
 * paclient_lookup() - the extent of that name
 * @name:       1 to 63 bytes
 * @ret_extent: the caller's; its size field says how much of it is written
 *
 * Blocks. Errors of its own: NO_REGION, NOT_FOUND, BAD_ARGUMENT for an empty or too long name.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_lookup(paclient *client, uint32_t region_id,
						     const char *name,
						     struct paclient_extent *ret_extent,
						     struct paclient_call *call);

/**
 * paclient_extent_info() - the extent that begins at an address
 * @ret_extent: the caller's; its size field says how much of it is written
 *
 * Blocks. Errors of its own: NO_REGION, NOT_FOUND, OUT_OF_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_extent_info(paclient *client, uint32_t region_id,
							  uint64_t addr,
							  struct paclient_extent *ret_extent,
							  struct paclient_call *call);

/* Which extents: all that is set must hold. PACLIENT_LIST_FILTER_INIT sets nothing: all of them. */
struct paclient_list_filter {
	size_t size;         /* sizeof(struct paclient_list_filter) */
	uint64_t session_id; /* held or shared by this session; 0 = any */
	/* As a shell matches names: *, ?, [...]; those without a name do not match; NULL = any. */
	const char *name_pattern;
	uint64_t lowest_addr; /* that begin here or above */
	uint64_t limit_addr;  /* that begin below; 0 = the region's end */
	uint64_t min_npages;
	uint64_t max_npages; /* 0 = any */
	bool by_uid;         /* held by user uid, or a session of that user's */
	uint32_t uid;
};

#define PACLIENT_LIST_FILTER_INIT                                                  \
	{                                                                          \
		sizeof(struct paclient_list_filter), 0, NULL, 0, 0, 0, 0, false, 0 \
	}

/* Sees one extent, which is valid until it returns. Not 0: enough. */
typedef int paclient_extent_fn(const struct paclient_extent *extent, void *ctx);

/**
 * paclient_list_each() - show extents to a function, ascending by address
 * @filter: only read; NULL = all
 * @each:   called on this thread for one after the other until it returns something but 0; may use
 *          the handle, except for closing it
 * @ctx:    its second argument
 *
 * Blocks. Takes little memory, however many there are: it asks for some hundreds at a time, and the
 * deadline goes for each of these requests alone, not for @each. What others take and give back
 * meanwhile may be seen or not.
 * Return: 0 also where @each wanted no more. Errors of its own: NO_REGION, NO_SESSION, INVALID about a
 * field of the filter; @each may have seen some by then.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_list_each(paclient *client, uint32_t region_id,
							const struct paclient_list_filter *filter,
							paclient_extent_fn *each, void *ctx,
							struct paclient_call *call);

/* Extents, ascending by address. Array and extents belong to the list. */
struct paclient_extent_list {
	size_t nextents;
	struct paclient_extent **extents;
};

/**
 * paclient_list() - the same as a list
 * @ret_list: the caller gives it back with paclient_extents_free()
 *
 * Blocks. Errors as paclient_list_each().
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_list(paclient *client, uint32_t region_id,
						   const struct paclient_list_filter *filter,
						   struct paclient_extent_list **ret_list,
						   struct paclient_call *call);

/** paclient_extents_free() - give back a list with its extents; NULL is allowed. */
PACLIENT_API void paclient_extents_free(struct paclient_extent_list *list);

/**
 * paclient_free_extent() - give an extent back if it is still what it was seen as
 * @extent: only read: its addr, npages, session_id and uid have to be those of one whole extent now
 *
 * Blocks. Name and label are not compared. Errors as paclient_free(); NOT_OWNER where it is not so
 * any more.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_free_extent(paclient *client, uint32_t region_id,
							  const struct paclient_extent *extent,
							  struct paclient_call *call);

/**
 * paclient_annotate() - name and label of an extent
 * @addr:  where it begins
 * @name:  as for an alloc; "" = none; NULL = stays as it is
 * @label: the same
 *
 * Blocks. Errors of its own: NO_REGION, NAME_TAKEN, INVALID (no extent begins at @addr, or a name
 * that cannot be one), LIMIT (a text is too long), OUT_OF_REGION, UNALIGNED, NOT_ALLOCATED, NOT_OWNER,
 * FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_annotate(paclient *client, uint32_t region_id,
						       uint64_t addr, const char *name,
						       const char *label,
						       struct paclient_call *call);

/**
 * paclient_share() - the session becomes one more holder of an extent
 * @addr:       where it begins
 * @ret_extent: the caller's; its size field says how much of it is written; may be NULL
 *
 * Blocks. The extent is free only when its last holder has let go of it.
 * Errors of its own: NO_REGION, NOT_FOUND, INVALID (it holds it already), LIMIT (too many hold it),
 * QUOTA, FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_share(paclient *client, uint32_t region_id,
						    uint64_t addr,
						    struct paclient_extent *ret_extent,
						    struct paclient_call *call);

/**
 * paclient_share_name() - the same for the extent of that name
 * @name:       1 to 63 bytes
 * @ret_extent: not NULL: its addr is what paclient_release() needs
 *
 * Blocks. Errors as paclient_share().
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_share_name(paclient *client, uint32_t region_id,
							 const char *name,
							 struct paclient_extent *ret_extent,
							 struct paclient_call *call);

/**
 * paclient_release() - the session is no longer a holder of the extent, whole
 * @addr:         where it begins
 * @ret_npages:   its length; may be NULL
 * @ret_nholders: that are left, 0 = the pages are free; may be NULL
 *
 * Blocks. Where the session owned it, the one who has shared it longest does now.
 * Errors of its own: NO_REGION, NOT_FOUND, NOT_OWNER, FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_release(paclient *client, uint32_t region_id,
						      uint64_t addr, uint64_t *ret_npages,
						      uint32_t *ret_nholders,
						      struct paclient_call *call);

/**
 * paclient_handover() - an extent gets another session as its owner, name and label with it
 * @addr:       where it begins
 * @session_id: of the same user, or one that was opened with options.accepts_handover
 * @ret_npages: its length; may be NULL
 *
 * Blocks. It counts against the new owner's quotas.
 * Errors of its own: NO_REGION, NOT_FOUND, NOT_OWNER, NO_SESSION, DENIED (that session does not want
 * it), QUOTA, FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_handover(paclient *client, uint32_t region_id,
						       uint64_t addr, uint64_t session_id,
						       uint64_t *ret_npages,
						       struct paclient_call *call);

/**
 * paclient_handover_to_user() - an extent becomes a user's, as a detached one
 * @uid: the caller's own, or any with PACLIENT_RIGHT_ADMIN
 *
 * Blocks. Arguments and errors as paclient_handover(), without NO_SESSION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_handover_to_user(paclient *client, uint32_t region_id,
							       uint64_t addr, uint32_t uid,
							       uint64_t *ret_npages,
							       struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
