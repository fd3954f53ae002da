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

#include "base/size.h"
#include "net/net.h"
#include "service/backings.h"
#include "service/manager.h"

/* The ready line; regions that do not fit are left out. */
#define SUMMARY_BYTES 1024

static int region_open(struct regions *rs, struct backings *backings, const struct config_region *r)
{
	struct region_config c = r->config;
	int err;

	err = backings_open(backings, r, &c.backing);
	if (err)
		return err;
	err = regions_add(rs, &c);
	if (!err)
		return 0;
	backing_close(c.backing);
	log_error("%s: region %s cannot be made: %s", r->where, c.name,
		  err < 0 ? strerror(-err) : "its configuration is impossible");
	return err < 0 ? err : -EINVAL;
}

int daemon_regions_open(struct regions *rs, const struct config *c)
{
	struct backings backings = {0};
	int err = 0;

	for (size_t i = 0; !err && i < c->nregions; i++) {
		err = region_open(rs, &backings, &c->regions[i]);
		/* It has been said, and is no reason for the others not to be there. */
		if (err == BACKINGS_E_REFUSED)
			err = 0;
	}
	backings_deinit(&backings);
	if (!err && rs->n == 0) {
		log_error("no region is left to serve: see above for what each of them lacks");
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
		err = backings_open(&backings, &c->regions[i], &b);
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

static int net_config_make(const struct config *c, struct net_config *ret)
{
	uint32_t possible = net_connections_max();
	int err;

	*ret = (struct net_config){
		.path = c->socket,
		.mode = c->socket_mode,
		.connections_max = possible,
		.hello_timeout_msec = c->hello_timeout_msec,
		.frame_timeout_msec = c->frame_timeout_msec,
		.send_timeout_msec = c->send_timeout_msec,
		.watchdog_usec = manager_watchdog_usec(),
		.on_watchdog = manager_alive,
		.on_stop = manager_stopping,
	};
	if (c->connections_max > possible)
		log_warning("%" PRIu32
			    " connections are wanted, but the limit of descriptors allows "
			    "%" PRIu32 ": raise LimitNOFILE= or ulimit -n",
			    c->connections_max, possible);
	else if (c->connections_max)
		ret->connections_max = c->connections_max;
	err = manager_listen_fd(&ret->inherited_fd);
	return err;
}

static int serve(const struct config *c, struct rpc *rpc)
{
	char summary[SUMMARY_BYTES];
	struct net_config nc;
	struct net net;
	int err;

	err = net_config_make(c, &nc);
	if (err)
		return err;
	err = net_open(&net, &nc, rpc);
	if (err)
		return err;
	summarise(rpc->regions, summary);
	log_info("ready: %s, up to %" PRIu32 " connections, regions: %s", net.listening.path,
		 nc.connections_max, summary);
	manager_ready(summary);
	err = net_run(&net);
	if (!err)
		log_info("stopped");
	return err;
}

int daemon_run(const struct config *c)
{
	struct regions regions;
	struct rpc rpc;
	int err;

	regions_init(&regions, geteuid());
	regions.limits = c->user_limits;
	err = daemon_regions_open(&regions, c);
	if (!err) {
		err = rpc_init(&rpc, &regions, "pallocd " PALLOCD_RELEASE);
		if (err)
			log_error("cannot start: %s", strerror(-err));
	}
	if (!err) {
		err = serve(c, &rpc);
		rpc_deinit(&rpc);
	}
	regions_deinit(&regions);
	return err ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}
