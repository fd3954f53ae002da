/*
 * reload - another configuration for a daemon that serves
 *
 * Role:       see reload.h. First all that can be refused or can fail, then what cannot.
 * Uses:       everything below
 */
#include "service/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "backing/backing.h"
#include "base/clock.h"
#include "base/mem.h"
#include "region/region_update.h"
#include "service/backings.h"
#include "service/config_diff.h"
#include "service/daemon.h"
#include "service/manager.h"
#include "service/reload_told.h"

/* Pages on their way to an owner, or a sync, take milliseconds; a store without room may take for ever. */
#define AGAIN_MSEC 10u
#define PATIENCE_USEC UINT64_C(5000000)

/* Beside CONFIG_E_BAD: something has to end first. */
enum { RELOAD_E_BUSY = CONFIG_E_BAD + 1 };

/* All that is ready to be put in force. */
struct plan {
	struct reload *l;
	struct config *now;
	struct regions *rs;
	struct backings backings;
	struct region_update **updates; /* one for each region of @now at the most */
	size_t nupdates;
	struct region **closes, **stubs; /* one for each region of before at the most */
	size_t ncloses;
	uint32_t nbefore; /* entries of the regions' table; those behind are new */
};

static void plan_deinit(struct plan *p)
{
	for (size_t i = 0; i < p->nupdates; i++)
		region_update_free(p->updates[i]);
	for (size_t i = 0; i < p->ncloses; i++)
		region_destroy(p->stubs[i]);
	mem_free(p->updates);
	mem_free(p->closes);
	mem_free(p->stubs);
	backings_deinit(&p->backings);
}

static int plan_init(struct plan *p, struct reload *l, struct config *now)
{
	struct regions *rs = l->rpc->regions;

	*p = (struct plan){.l = l, .now = now, .rs = rs, .nbefore = rs->n};
	p->updates = mem_zalloc(now->nregions + 1, sizeof(*p->updates));
	p->closes = mem_zalloc((size_t)rs->n + 1, sizeof(*p->closes));
	p->stubs = mem_zalloc((size_t)rs->n + 1, sizeof(*p->stubs));
	return p->updates && p->closes && p->stubs ? 0 : -ENOMEM;
}

static int limit_check(const struct region *r, const struct config_region *was,
		       const struct config_region *now)
{
	if (now->config.limit_bytes == was->config.limit_bytes || !r->backing)
		return 0;
	if (backing_info(r->backing)->kind == BACKING_FILE)
		return config_region_refuse(
			was, now, "Limit",
			"the file's length was looked at when it was opened, so "
			"restart the daemon");
	return config_region_refuse(was, now, "Limit",
				    "its memory is as long as it is, so give back all that is held "
				    "in the region, take it out of the configuration, reload, and "
				    "add it again");
}

/* A region that is served, and goes on. */
static int region_plan(struct plan *p, struct region *r, const struct config_region *now)
{
	const struct config_region *was = config_region_find(p->l->config, r->name);
	int err = config_region_may(was, now);

	if (!err)
		err = limit_check(r, was, now);
	if (!err)
		err = backings_note(&p->backings, now, r->backing) ? -ENOMEM : 0;
	if (err)
		return err;
	err = region_update_prepare(r, &now->config, &p->updates[p->nupdates]);
	switch (err) {
	case 0:
		p->nupdates++;
		return 0;
	case REGION_E_BUSY:
		return RELOAD_E_BUSY;
	case REGION_E_FAULTED:
		return config_region_refuse(was, now, "Limit", "the region is closed by a fault");
	default:
		return err < 0 ? err : -EINVAL;
	}
}

/* A region that the configuration does not name any more. */
static int region_plan_close(struct plan *p, struct region *r)
{
	const struct config_region *was = config_region_find(p->l->config, r->name);
	uint32_t nsessions, nusers;

	region_holders(r, &nsessions, &nusers);
	if (r->extents.nlive)
		return config_region_complain(
			was,
			"region %s is not in the configuration any more, but %" PRIu32
			" extents are held in it, by %" PRIu32 " sessions and %" PRIu32
			" users: have them given back (paclient list %s says what "
			"they are), or put the region back",
			r->name, r->extents.nlive, nsessions, nusers, r->name);
	if (region_busy(r))
		return RELOAD_E_BUSY;
	if (region_stub_new(r, &p->stubs[p->ncloses]))
		return -ENOMEM;
	p->closes[p->ncloses++] = r;
	return 0;
}

static int served_plan(struct plan *p)
{
	int err = config_daemon_may(p->l->config, p->now);

	for (uint32_t i = 0; !err && i < p->nbefore; i++) {
		struct region *r = p->rs->table[i];
		const struct config_region *now = config_region_find(p->now, r->name);

		if (r->closed)
			continue;
		err = now ? region_plan(p, r, now) : region_plan_close(p, r);
	}
	return err;
}

/* The region is made, and has what is written about it. */
static int region_make(struct plan *p, const struct config_region *r, struct region_config *c,
		       const struct keep_begin *b)
{
	int err;

	c->durability = b->durability;
	if (b->generation)
		c->initial_bytes = 0;
	err = regions_add(p->rs, c);
	if (err) {
		backing_close(c->backing);
		return err < 0 ? err
			       : config_region_complain(r,
							"region %s cannot be made: its "
							"configuration is impossible",
							c->name);
	}
	err = keep_add(p->l->keep, p->rs, b);
	if (!err)
		return 0;
	if (err == STORE_E_WRONG)
		err = config_region_complain(
			r,
			"region %s cannot be added: what the store has of it does not "
			"fit: %s",
			c->name, p->rs->table[p->rs->n - 1]->fault);
	else if (err == STORE_E_BUSY)
		err = RELOAD_E_BUSY;
	regions_undo_add(p->rs);
	return err;
}

/* Return: as others, and BACKINGS_E_REFUSED is CONFIG_E_BAD: it has been said. */
static int region_plan_add(struct plan *p, const struct config_region *r)
{
	struct region_config c = r->config;
	char why[2 * PATH_MAX];
	struct keep_begin b;
	int err;

	if (keep_may_add(p->l->keep, p->now, r, why, sizeof(why)) ||
	    keep_begin(p->l->keep, r, &b, why, sizeof(why)))
		return backings_refuse(r, why);
	err = backings_open(&p->backings, r, -1, &c.backing);
	return err ? err : region_make(p, r, &c, &b);
}

_Static_assert(BACKINGS_E_REFUSED == (int)CONFIG_E_BAD, "what is refused has been said");

static int new_plan(struct plan *p)
{
	int err = 0;

	for (size_t i = 0; !err && i < p->now->nregions; i++) {
		const struct config_region *r = &p->now->regions[i];

		if (regions_by_name(p->rs, r->config.name))
			continue;
		err = region_plan_add(p, r);
		/* It could not be had before either: no reason to refuse the rest. */
		if (err == CONFIG_E_BAD && config_region_find(p->l->config, r->config.name))
			err = 0;
	}
	if (err) {
		while (p->rs->n > p->nbefore)
			regions_undo_add(p->rs);
	}
	return err;
}

/* Nothing of it can fail: where there is no memory to keep the list, what is behind stays open. */
static void closing_add(struct reload *l, struct backing *b)
{
	struct backing **closing;

	if (!b)
		return;
	closing = mem_resize(l->closing, l->nclosing + 1, sizeof(struct backing *));
	if (!closing)
		return;
	l->closing = closing;
	closing[l->nclosing++] = b;
}

static void closes_apply(struct plan *p)
{
	for (size_t i = 0; i < p->ncloses; i++) {
		struct region *r = p->closes[i];

		log_info("region %s: it is not in the configuration any more, nothing is held in "
			 "it, "
			 "and it is closed",
			 r->name);
		keep_drop(p->l->keep, r);
		closing_add(p->l, region_close(p->rs, r, p->stubs[i]));
		rpc_region_closed(p->l->rpc, r);
	}
	p->ncloses = 0;
}

static void limits_apply(struct reload *l, const struct config *c)
{
	const struct net_limits limits = {
		.connections_max = connections_max(c),
		.hello_timeout_msec = c->hello_timeout_msec,
		.frame_timeout_msec = c->frame_timeout_msec,
		.send_timeout_msec = c->send_timeout_msec,
	};

	log_open(c->log_level);
	net_limits_set(l->net, &limits);
	l->rpc->connections_max = limits.connections_max;
	l->rpc->connections_wanted = c->connections_max;
	l->rpc->regions->limits = c->user_limits;
	if (l->rpc->store)
		l->rpc->restart_grace_msec = c->restart_grace_msec;
}

static void plan_apply(struct plan *p)
{
	struct reload *l = p->l;

	config_changes_log(l->config, p->now);
	for (uint32_t i = p->nbefore; i < p->rs->n; i++)
		log_info("region %s: it is new", p->rs->table[i]->name);
	for (size_t i = 0; i < p->nupdates; i++)
		region_update_apply(p->updates[i]);
	p->nupdates = 0;
	closes_apply(p);
	rpc_rights_renew(l->rpc);
	limits_apply(l, p->now);
	/* What new regions are known by is written before anybody may know it. Where it cannot be, that is tried again. */
	(void)!rpc_commit(l->rpc);
	keep_memory(l->keep, p->rs, p->nbefore);
	config_deinit(l->config);
	*l->config = *p->now;
	*p->now = (struct config){0};
}

static int plan_make_and_apply(struct reload *l, struct config *now)
{
	struct plan p;
	int err = plan_init(&p, l, now);

	if (!err)
		err = served_plan(&p);
	if (!err)
		err = new_plan(&p);
	if (!err && p.rs->n - p.rs->nclosed == p.ncloses)
		err = config_complain("configuration", "no region would be left to serve");
	if (!err)
		plan_apply(&p);
	plan_deinit(&p);
	return err;
}

static int try(struct reload *l)
{
	struct config now;
	int err = config_load(&now, l->options);

	if (!err)
		err = plan_make_and_apply(l, &now);
	config_deinit(&now);
	return err;
}

static void refusal_set(struct reload *l, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;

	mem_free(take_ptr(l->refusal));
	if (!n)
		return;
	l->refusal = mem_alloc(n);
	if (l->refusal)
		memcpy(l->refusal, text, n);
}

/* L2 */
static void end(struct reload *l, uint64_t read_usec, int err)
{
	if (err < 0)
		(void)!config_complain("configuration", "%s", strerror(-err));
	else if (err == RELOAD_E_BUSY)
		(void)!config_complain("configuration",
				       "memory is on its way, or the store cannot be written, for "
				       "seconds now: try again later");
	if (err)
		log_event(LOG_LEVEL_ERROR, LOG_ID_RELOAD_REFUSED, NULL,
			  "the new configuration is refused, and nothing of it is in force: see "
			  "above");
	else
		log_event(LOG_LEVEL_INFO, LOG_ID_RELOADED, NULL,
			  "the new configuration is in force");
	refusal_set(l, err ? config_complaint() : NULL);
	l->begun_usec = 0;
	mem_free(l->status);
	l->status = status_make(l->rpc->regions, l->refusal);
	manager_ready(l->status ? l->status : "");
	/* Who waits for it finds the status as it is now. */
	reload_told_write(read_usec, err ? config_complaint() : NULL);
}

uint64_t reload_step(void *reload)
{
	struct reload *l = reload;
	uint64_t now = clock_usec();
	int err;

	if (!l->begun_usec) {
		l->begun_usec = now;
		manager_reloading(now);
		log_info("the configuration is read again");
	}
	err = try(l);
	if (err == RELOAD_E_BUSY && now - l->begun_usec < PATIENCE_USEC)
		return AGAIN_MSEC;
	end(l, now, err);
	return 0;
}

void reload_deinit(struct reload *l)
{
	while (l->nclosing)
		backing_close(l->closing[--l->nclosing]);
	mem_free(l->closing);
	mem_free(l->refusal);
	mem_free(l->status);
	*l = (struct reload){0};
}
