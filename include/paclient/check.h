/*
 * check.h - the part of paclient.h about whether a daemon agrees with itself and with what it has written down
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_CHECK_H
#define PACLIENT_CHECK_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What paclient_check() has found wrong. Array and texts belong to it. */
struct paclient_findings {
	size_t size;              /* bytes of this struct that are valid */
	size_t nfindings;         /* listed below */
	uint64_t nfindings_total; /* more than listed where there are very many; 0 = all is sound */
	uint32_t nregions;        /* that were looked at */
	bool store_compared;      /* what is written was compared with what is there */
	bool sees_sessions; /* the caller is root or the daemon's own user: paclient_sessions() */
	const char **findings; /* one line each, for people */
};

/**
 * paclient_check() - does the daemon agree with itself, and with what it has written down?
 * @region_id:    0 = all where the caller has the right PACLIENT_RIGHT_ADMIN, and sessions
 * @ret_findings: the caller gives it back with paclient_findings_free()
 *
 * Blocks, and so do all other clients' calls: the daemon looks at every page and waits for its disk.
 * A region that is found inconsistent is closed (FAULTED) from then on. Return: 0 also where something
 * is wrong: nfindings_total says so. Errors of its own: NO_REGION, DENIED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_check(paclient *client, uint32_t region_id,
						    struct paclient_findings **ret_findings,
						    struct paclient_call *call);

/** paclient_findings_free() - NULL is allowed. */
PACLIENT_API void paclient_findings_free(struct paclient_findings *findings);

#ifdef __cplusplus
}
#endif

#endif
