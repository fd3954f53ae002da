/*
 * status - how the daemon stands, in one line
 *
 * Role:       status_make(), reload_status() of reload.h.
 * Uses:       base/, region/, service/manager.h
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backing/backing.h"
#include "base/mem.h"
#include "service/manager.h"
#include "service/reload.h"

/* The service manager takes messages of a page at the most. */
#define STATUS_BYTES 3072

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

char *status_make(const struct regions *rs, const char *refusal)
{
	uint64_t nsessions = rs->nsessions[SESSION_OPEN] + rs->nsessions[SESSION_GRACE];
	uint64_t used = 0, limit = 0;
	uint32_t nregions = rs->n - rs->nclosed;
	char *text = mem_alloc(STATUS_BYTES);

	if (!text)
		return NULL;
	for (uint32_t i = 0; i < rs->n; i++) {
		if (rs->table[i]->closed)
			continue;
		used += rs->table[i]->used_npages;
		limit += rs->table[i]->limit_npages;
	}
	snprintf(text, STATUS_BYTES,
		 "%" PRIu32 " region%s, %" PRIu64 " session%s, %" PRIu64
		 " pages allocated of %" PRIu64 "%s%s",
		 nregions, plural(nregions), nsessions, plural(nsessions), used, limit,
		 refusal ? "; reload refused: " : "", refusal ? refusal : "");
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ')
			*p = '?';
	}
	return text;
}

static void closing_end(struct reload *l)
{
	if (!l->nclosing || net_fds_wait(l->net))
		return;
	while (l->nclosing)
		backing_close(l->closing[--l->nclosing]);
	mem_free(take_ptr(l->closing));
}

void reload_status(void *reload)
{
	struct reload *l = reload;
	char *status = status_make(l->rpc->regions, l->refusal);

	closing_end(l);
	/* Between RELOADING and READY there is another one. */
	if (!status || l->begun_usec || (l->status && strcmp(status, l->status) == 0)) {
		mem_free(status);
		return;
	}
	mem_free(l->status);
	l->status = status;
	manager_status(status);
}
