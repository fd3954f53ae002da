/*
 * check_store - is what is written sound? Without a daemon
 *
 * Role:       see check_store.h.
 * Uses:       base/, region/, store/, service/
 */
#include "service/check_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/keep.h"
#include "store/store.h"

/* What the store says of one region. Nothing stands behind its addresses, and nothing is grown but what is written. */
static int region_add(struct regions *rs, const struct config_region *r)
{
	struct region_config c = r->config;
	int err;

	c.backing = NULL;
	c.commit_now = c.sanitize = false;
	c.initial_bytes = 0;
	err = regions_add(rs, &c);
	if (!err)
		return 0;
	log_error("%s: region %s cannot be made: %s", r->where, c.name,
		  err < 0 ? strerror(-err) : "its configuration is impossible");
	return err < 0 ? err : -EINVAL;
}

static int folders_check(const struct config *c, const struct keep_folders *f)
{
	size_t nkept = 0;

	for (size_t i = 0; i < c->nregions; i++) {
		const struct region_config *r = &c->regions[i].config;

		nkept += r->durability != REGION_DURABILITY_NONE;
		if (r->durability != REGION_DURABILITY_MACHINE || f->machine[0])
			continue;
		log_error("region %s has Durability=machine: say where its store is, with "
			  "--state-dir or StateDirectory=",
			  r->name);
		return EXIT_CODE_USAGE;
	}
	if (nkept)
		return EXIT_CODE_OK;
	log_error("nothing to check: no region of this configuration outlives the daemon");
	return EXIT_CODE_USAGE;
}

static int complain_open(const struct keep_folders *f, int err)
{
	const char *both = f->process[0] && f->machine[0] ? " or " : "";

	if (err == STORE_E_LOCKED)
		log_error("the store in %s%s%s is in use: stop that pallocd first, or ask it, with "
			  "`paclient check`",
			  f->process, both, f->machine);
	else
		log_error("the store in %s%s%s cannot be opened: %s", f->process, both, f->machine,
			  err < 0 ? strerror(-err) : "see above");
	return EXIT_CODE_FAILURE;
}

/* Return: how many regions something is written of. */
static size_t tell(const struct config *c, const struct regions *rs, const struct store *s)
{
	size_t nwritten = 0;

	for (size_t i = 0, n = 0; i < c->nregions; i++) {
		const struct region_config *config = &c->regions[i].config;
		const struct region *r;

		if (config->durability == REGION_DURABILITY_NONE) {
			printf("region %s: outlives nothing, as it is configured\n", config->name);
			continue;
		}
		r = rs->table[n++];
		if (!store_generation(s, r->name, r->durability)) {
			printf("region %s: nothing is written\n", r->name);
			continue;
		}
		nwritten++;
		if (r->faulted)
			printf("region %s: WRONG: %s\n", r->name, r->fault);
		else
			printf("region %s: sound: generation %" PRIu64 ", %" PRIu32
			       " extents, %" PRIu64 " of %" PRIu64 " pages held\n",
			       r->name, r->generation, r->extents.nlive, r->used_npages,
			       r->grown_npages);
	}
	return nwritten;
}

static int look(const struct config *c, const struct keep_folders *f, struct store *s,
		struct regions *rs)
{
	size_t nwritten;
	int err = 0;

	for (size_t i = 0; !err && i < c->nregions; i++) {
		if (c->regions[i].config.durability != REGION_DURABILITY_NONE)
			err = region_add(rs, &c->regions[i]);
	}
	if (!err)
		err = store_look(s, rs);
	if (err < 0) {
		log_error("cannot check: %s", strerror(-err));
		return EXIT_CODE_FAILURE;
	}
	nwritten = tell(c, rs, s);
	if (!nwritten)
		log_error("nothing is written in %s%s%s: is that the place?", f->process,
			  f->process[0] && f->machine[0] ? " or " : "", f->machine);
	if (err)
		log_error("the store is not sound: see above. What does not fit is not served "
			  "after a start, and stays written as it is");
	if (fflush(stdout))
		log_error("cannot print: %s", strerror(errno));
	return err || !nwritten ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static int open_and_look(const struct config *c, const struct keep_folders *f)
{
	struct store_config sc = {
		.process_dir = f->process[0] ? f->process : NULL,
		.machine_dir = f->machine[0] ? f->machine : NULL,
		.read_only = true,
	};
	struct regions regions;
	struct store *s;
	int err = store_open(&sc, &s);

	if (err)
		return complain_open(f, err);
	regions_init(&regions, geteuid());
	err = look(c, f, s, &regions);
	store_close(s);
	regions_deinit(&regions);
	return err;
}

int check_store(const struct config *c)
{
	struct keep_folders folders;
	int status, err;
	pid_t child;

	keep_folders_find(c, -1, &folders);
	err = folders_check(c, &folders);
	if (err)
		return err;
	child = fork();
	if (child == 0)
		_exit(open_and_look(c, &folders));
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0) {
		log_error("cannot check: %s", strerror(errno));
		return EXIT_CODE_FAILURE;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_error(
		"reading the store in %s%s%s ended with signal %d: a file is damaged, and a daemon "
		"would end so too; move it away",
		folders.process, folders.process[0] && folders.machine[0] ? " or " : "",
		folders.machine, WTERMSIG(status));
	return EXIT_CODE_FAILURE;
}
