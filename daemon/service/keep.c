/*
 * keep - what outlives the daemon
 *
 * Role:       see keep.h.
 * Uses:       base/, backing/, region/, store/, service/
 */
#include "service/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

#define FOLDER "/store"

static bool wanted(const struct config *c, enum region_durability d)
{
	for (size_t i = 0; i < c->nregions; i++) {
		if (c->regions[i].config.durability == d)
			return true;
	}
	return false;
}

/* The manager's variables may name several folders, by ':'. Return: false: not set, or too long. */
static bool from_manager(const char *variable, char ret[static PATH_MAX])
{
	const char *value = getenv(variable);
	size_t n = value ? strcspn(value, ":") : 0;

	if (n == 0 || n + sizeof(FOLDER) > PATH_MAX)
		return false;
	snprintf(ret, PATH_MAX, "%.*s" FOLDER, (int)n, value);
	return true;
}

static void beside_socket(const struct config *c, int listen_fd, bool needed,
			  char ret[static PATH_MAX])
{
	struct sockaddr_un addr = {0};
	socklen_t size = sizeof(addr) - 1;
	const char *path = c->socket;

	if (listen_fd >= 0) {
		path = addr.sun_path;
		if (getsockname(listen_fd, (struct sockaddr *)&addr, &size))
			addr.sun_path[0] = '\0';
	}
	if (*path)
		snprintf(ret, PATH_MAX, "%s.store", path);
	else if (needed)
		log_warning("the inherited socket has no path, so there is no place for the store: "
			    "nothing outlives the daemon unless StoreDirectory= says where");
}

/* What a region was kept in that is kept elsewhere now is needed once more. */
static bool there(const char *folder)
{
	return *folder && access(folder, F_OK) == 0;
}

void keep_folders_find(const struct config *c, int listen_fd, struct keep_folders *ret)
{
	const bool process = wanted(c, REGION_DURABILITY_PROCESS),
		   machine = wanted(c, REGION_DURABILITY_MACHINE);

	*ret = (struct keep_folders){0};
	if (c->store_dir[0])
		memcpy(ret->process, c->store_dir, sizeof(ret->process));
	else if (!from_manager("RUNTIME_DIRECTORY", ret->process))
		beside_socket(c, listen_fd, process, ret->process);
	if (!process && !(machine && there(ret->process)))
		ret->process[0] = '\0';
	if (c->state_dir[0])
		memcpy(ret->machine, c->state_dir, sizeof(ret->machine));
	else
		(void)!from_manager("STATE_DIRECTORY", ret->machine);
	if (!machine && !(process && there(ret->machine)))
		ret->machine[0] = '\0';
}

static int complain(const struct keep_folders *f, int err)
{
	char folders[2 * PATH_MAX + 8];

	snprintf(folders, sizeof(folders), "%s%s%s", f->process,
		 f->process[0] && f->machine[0] ? " and " : "", f->machine);
	switch (err) {
	case STORE_E_LOCKED:
		log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, NULL,
			  "cannot start: another pallocd has the store in %s: stop it, or choose "
			  "another --socket, --store-dir or --state-dir",
			  folders);
		break;
	case STORE_E_VERSION:
		log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, NULL,
			  "cannot start: the store in %s is another program's or a newer one's: "
			  "start that one, or choose another --store-dir or --state-dir",
			  folders);
		break;
	default:
		log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, NULL,
			  "cannot start without the store in %s (%s): see to that folder, choose "
			  "another with --store-dir or --state-dir, or give regions "
			  "Durability=none",
			  folders, err < 0 ? strerror(-err) : "what is in it does not fit");
	}
	return err;
}

int keep_open(struct keep *k, const struct config *c)
{
	struct store_config sc = {0};
	int err;

	*k = (struct keep){.handed = {.listen_fd = -1}};
	err = manager_handed(&k->handed);
	if (err)
		return err;
	keep_folders_find(c, k->handed.listen_fd, &k->folders);
	sc.process_dir = k->folders.process[0] ? k->folders.process : NULL;
	sc.machine_dir = k->folders.machine[0] ? k->folders.machine : NULL;
	if (!sc.process_dir && !sc.machine_dir)
		return 0;
	err = store_open(&sc, &k->store);
	return err ? complain(&k->folders, err) : 0;
}

void keep_close(struct keep *k)
{
	store_close(k->store);
	manager_handed_deinit(&k->handed);
	mem_free(k->regions);
	mem_free(k->new_memory);
	*k = (struct keep){.handed = {.listen_fd = -1}};
}

static bool is_kept_memory(enum backing_kind kind)
{
	return kind == BACKING_MEMFD || kind == BACKING_HUGETLB;
}

int keep_begin(const struct keep *k, const struct config_region *r, struct keep_begin *ret,
	       char *why, size_t size)
{
	*ret = (struct keep_begin){.durability = r->config.durability};
	if (ret->durability == REGION_DURABILITY_MACHINE && !k->folders.machine[0]) {
		snprintf(why, size,
			 "Durability=machine needs a folder that outlives the system: set "
			 "StateDirectory=DIR in [Daemon] (--state-dir), or StateDirectory= in the "
			 "service's unit");
		return KEEP_E_REFUSED;
	}
	if (!k->store || (ret->durability == REGION_DURABILITY_PROCESS && !k->folders.process[0]))
		ret->durability = REGION_DURABILITY_NONE;
	if (ret->durability == REGION_DURABILITY_NONE)
		return 0;
	ret->generation = store_generation(k->store, r->config.name, ret->durability);
	for (size_t i = 0; ret->generation && i < k->handed.nmemory; i++) {
		struct manager_memory *m = &k->handed.memory[i];

		if (m->fd >= 0 && m->generation == ret->generation &&
		    !strcmp(m->region, r->config.name))
			ret->memory = m;
	}
	return 0;
}

static int reserve(struct keep *k, size_t n)
{
	struct store_region *regions;
	bool *new_memory;

	if (n <= k->size)
		return 0;
	regions = mem_resize(k->regions, n, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	k->regions = regions;
	new_memory = mem_resize(k->new_memory, n, sizeof(*new_memory));
	if (!new_memory)
		return -ENOMEM;
	k->new_memory = new_memory;
	k->size = n;
	return 0;
}

int keep_added(struct keep *k, const struct regions *rs, const struct keep_begin *b)
{
	const struct region *r = rs->table[rs->n - 1];
	bool kept = r->backing && is_kept_memory(backing_info(r->backing)->kind);
	int err = reserve(k, rs->n);

	if (err)
		return err;
	k->new_memory[rs->n - 1] = kept && !b->memory && b->durability;
	k->regions[rs->n - 1] = (struct store_region){
		.void_extents = kept && !b->memory && b->generation,
	};
	if (k->regions[rs->n - 1].void_extents)
		log_event(LOG_LEVEL_WARNING, LOG_ID_REGION_VOID, LOG_FIELDS(ABOUT_REGION(r->name)),
			  "region %s: its memory of before has not come back: all that was held "
			  "in it is void. The service manager keeps memory over restarts "
			  "(FileDescriptorStoreMax=), not over a stop",
			  r->name);
	return 0;
}

static void memory_drop(struct keep *k)
{
	for (size_t i = 0; i < k->handed.nmemory; i++) {
		struct manager_memory *m = &k->handed.memory[i];

		if (m->fd < 0)
			continue;
		log_info("memory of region %s, generation %" PRIu64 ", is not wanted any more",
			 m->region, m->generation);
		manager_drop(m);
		close(m->fd);
		m->fd = -1;
	}
}

void keep_memory(const struct keep *k, const struct regions *rs, uint32_t from)
{
	bool told = false;

	for (uint32_t i = from; i < rs->n; i++) {
		const struct region *r = rs->table[i];

		if (!k->new_memory[i] || r->faulted)
			continue;
		if (manager_present())
			manager_keep(r->name, r->generation, backing_kept_fd(r->backing));
		else
			log_event(LOG_LEVEL_INFO, LOG_ID_MEMORY_NOT_KEPT,
				  LOG_FIELDS(ABOUT_REGION(r->name)),
				  "region %s: no service manager keeps its memory, so that what is "
				  "held in it does not outlive the daemon",
				  r->name);
		told = true;
	}
	if (told && manager_present() && !manager_sync())
		log_event(LOG_LEVEL_WARNING, LOG_ID_MEMORY_NOT_KEPT, NULL,
			  "the service manager does not say that it has taken the regions' "
			  "memory: it may be gone after a restart");
}

int keep_may_add(const struct keep *k, const struct config *c, const struct config_region *r,
		 char *why, size_t size)
{
	const bool machine = r->config.durability == REGION_DURABILITY_MACHINE;
	const char *wanted, *open;
	struct keep_folders f;

	if (r->config.durability == REGION_DURABILITY_NONE)
		return 0;
	keep_folders_find(c, k->handed.listen_fd, &f);
	wanted = machine ? f.machine : f.process;
	open = machine ? k->folders.machine : k->folders.process;
	if (!*wanted || *open)
		return 0;
	snprintf(why, size,
		 "the store in %s is for Durability=%s, which no region had when the daemon was "
		 "started, so it is not open: restart the daemon",
		 wanted, config_durability_name(r->config.durability));
	return KEEP_E_REFUSED;
}

int keep_add(struct keep *k, const struct regions *rs, const struct keep_begin *b)
{
	int err = keep_added(k, rs, b);

	return err || !k->store ? err : store_add(k->store, &k->regions[rs->n - 1]);
}

void keep_drop(struct keep *k, const struct region *r)
{
	struct manager_memory m = {.generation = r->generation, .fd = -1};

	if (k->store)
		store_drop(k->store, r);
	if (!r->backing || !is_kept_memory(backing_info(r->backing)->kind) || !r->durability)
		return;
	memcpy(m.region, r->name, sizeof(m.region));
	manager_drop(&m);
}

int keep_load(struct keep *k, struct regions *rs, uint64_t until_usec)
{
	int err = 0;

	if (k->store)
		err = store_load(k->store, rs, k->regions, until_usec);
	if (err) {
		log_event(LOG_LEVEL_ERROR, LOG_ID_CANNOT_START, NULL,
			  "cannot start: what the store says cannot be read: %s", strerror(-err));
		return err;
	}
	/* The old names first: a new one may be the same. */
	memory_drop(k);
	keep_memory(k, rs, 0);
	return 0;
}
