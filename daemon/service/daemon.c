/*
 * daemon - a configuration becomes a daemon
 *
 * Role:       see daemon.h.
 * Uses:       everything below
 */
#include "service/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"
#include "net/net.h"
#include "service/backings.h"
#include "service/manager.h"
#include "service/reload.h"
#include "service/reload_told.h"

/* The ready line; regions that do not fit are left out. */
#define SUMMARY_BYTES 1024

static int region_add(struct regions *rs, const struct config_region *r, struct keep *k,
		      const struct keep_begin *b, struct region_config *c)
{
	int err;

	c->durability = b->durability;
	/* What was grown then is grown again. */
	if (b->generation)
		c->initial_bytes = 0;
	err = regions_add(rs, c);
	if (!err)
		return keep_added(k, rs, b);
	backing_close(c->backing);
	log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, LOG_FIELDS(ABOUT_REGION(c->name)),
		  "%s: region %s cannot be made: %s", r->where, c->name,
		  err < 0 ? strerror(-err) : "its configuration is impossible");
	return err < 0 ? err : -EINVAL;
}

static int region_open(struct regions *rs, struct backings *backings, const struct config_region *r,
		       struct keep *k)
{
	struct region_config c = r->config;
	char why[2 * PATH_MAX];
	struct keep_begin b;
	int err;

	if (keep_begin(k, r, &b, why, sizeof(why)))
		return backings_refuse(r, why);
	err = backings_open(backings, r, b.memory ? b.memory->fd : -1, &c.backing);
	/* It stays the manager's too: whatever is wrong, it is not what is to be dropped. */
	if (b.memory && err)
		close(b.memory->fd);
	if (b.memory)
		b.memory->fd = -1;
	return err ? err : region_add(rs, r, k, &b, &c);
}

int daemon_regions_open(struct regions *rs, const struct config *c, struct keep *k)
{
	struct backings backings = {0};
	int err = 0;

	for (size_t i = 0; !err && i < c->nregions; i++) {
		err = region_open(rs, &backings, &c->regions[i], k);
		/* It has been said, and is no reason for the others not to be there. */
		if (err == BACKINGS_E_REFUSED) {
			rs->nleft_out++;
			err = 0;
		}
	}
	backings_deinit(&backings);
	if (!err && rs->n == 0) {
		log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, NULL,
			  "no region is left to serve: see above for what each of them lacks");
		return DAEMON_E_NO_REGION;
	}
	return err;
}

int daemon_check(const struct config *c)
{
	struct backings backings = {0};
	struct backing *b;
	size_t nrefused = 0;
	int err = 0;

	for (size_t i = 0; err >= 0 && i < c->nregions; i++) {
		err = backings_open(&backings, &c->regions[i], -1, &b);
		if (!err)
			backing_close(b);
		nrefused += err == BACKINGS_E_REFUSED;
	}
	backings_deinit(&backings);
	if (err < 0) {
		log_error("cannot check: %s", strerror(-err));
		return EXIT_CODE_FAILURE;
	}
	if (nrefused == c->nregions) {
		log_error("no region would be left to serve: the daemon would not start");
		return EXIT_CODE_USAGE;
	}
	if (nrefused)
		log_warning("the configuration is good, but as this host is now %zu of its %zu "
			    "regions would be left out",
			    nrefused, c->nregions);
	else
		log_info("the configuration is good");
	return EXIT_CODE_OK;
}

static void summarise(const struct regions *rs, char buf[static SUMMARY_BYTES])
{
	char page[SIZE_TEXT_BYTES], limit[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES];
	size_t at = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < rs->n && at < SUMMARY_BYTES; i++) {
		const struct region *r = rs->table[i];
		int n = snprintf(buf + at, SUMMARY_BYTES - at,
				 "%s%s (limit %s, grown %s, pages of %s)", i ? ", " : "", r->name,
				 size_format(r->limit_npages << r->page_shift, limit),
				 size_format(r->grown_npages << r->page_shift, grown),
				 size_format(region_page_size(r), page));

		if (n < 0)
			return;
		at += (size_t)n;
	}
}

uint32_t connections_max(const struct config *c)
{
	uint32_t possible = net_connections_max();

	if (c->connections_max > possible)
		log_event(LOG_LEVEL_WARNING, LOG_ID_TOO_FEW_DESCRIPTORS, NULL,
			  "%" PRIu32 " connections are wanted, but the limit of descriptors allows "
			  "%" PRIu32 ": raise LimitNOFILE= or ulimit -n",
			  c->connections_max, possible);
	return c->connections_max && c->connections_max < possible ? c->connections_max : possible;
}

static void net_config_make(const struct config *c, int listen_fd, struct reload *reload,
			    struct net_config *ret)
{
	*ret = (struct net_config){
		.path = c->socket,
		.mode = c->socket_mode,
		.inherited_fd = listen_fd,
		.connections_max = connections_max(c),
		.hello_timeout_msec = c->hello_timeout_msec,
		.frame_timeout_msec = c->frame_timeout_msec,
		.send_timeout_msec = c->send_timeout_msec,
		.watchdog_usec = manager_watchdog_usec(),
		.on_watchdog = manager_alive,
		.on_stop = manager_stopping,
		.on_reload = reload_step,
		.on_status = reload_status,
		.service = reload,
	};
}

static int serve(struct reload *reload, int listen_fd)
{
	const struct regions *rs = reload->rpc->regions;
	char summary[SUMMARY_BYTES];
	struct net_config nc;
	struct net net;
	int err;

	net_config_make(reload->config, listen_fd, reload, &nc);
	err = net_open(&net, &nc, reload->rpc);
	if (err)
		return err;
	reload->net = &net;
	reload->rpc->connections_max = nc.connections_max;
	reload->rpc->connections_wanted = reload->config->connections_max;
	summarise(rs, summary);
	reload->status = status_make(rs, NULL);
	reload_told_write(clock_usec(), NULL);
	net_welcome(&net);
	log_event(LOG_LEVEL_INFO, LOG_ID_READY, NULL,
		  "ready: %s, up to %" PRIu32 " connections, regions: %s", net.listening.path,
		  nc.connections_max, summary);
	manager_ready(reload->status ? reload->status : "");
	err = net_run(&net);
	log_limits_tell(UINT64_MAX);
	if (!err)
		log_event(LOG_LEVEL_INFO, LOG_ID_STOPPED, NULL, "stopped");
	return err;
}

/* The regions are there, with all that is written about them. */
static int run(struct config *c, const struct options *o, struct keep *k, struct regions *rs)
{
	struct rpc rpc;
	struct reload reload = {.config = c, .options = o, .keep = k, .rpc = &rpc};
	int err;

	err = rpc_init(&rpc, rs, "pallocd " PALLOCD_RELEASE);
	if (err) {
		log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, LOG_FIELDS(ABOUT_ERRNO(-err)),
			  "cannot start: %s", strerror(-err));
		return err;
	}
	rpc.store = k->store;
	rpc.restart_grace_msec = k->store ? c->restart_grace_msec : 0;
	err = serve(&reload, k->handed.listen_fd);
	rpc_deinit(&rpc);
	reload_deinit(&reload);
	return err;
}

void daemon_hold_reloads(void)
{
	net_hold_hangups();
}

int daemon_run(struct config *c, const struct options *o)
{
	struct regions regions;
	struct keep keep;
	int err;

	regions_init(&regions, geteuid());
	regions.limits = c->user_limits;
	err = keep_open(&keep, c);
	if (!err)
		err = daemon_regions_open(&regions, c, &keep);
	if (!err)
		err = keep_load(&keep, &regions, clock_usec() + c->restart_grace_msec * 1000);
	if (!err)
		err = run(c, o, &keep, &regions);
	keep_close(&keep);
	regions_deinit(&regions);
	return err ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}
