/*
 * doctor_daemon - what the daemon needs of this host, and says about itself
 *
 * Role:       see doctor.h.
 * Uses:       doctor.h, /proc, /sys
 */
#include "client/cli/doctor.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STRING_(x) #x
#define STRING(x) STRING_(x)
/* What this command was built as; the library that it is linked with says its own. */
#define COMMAND_VERSION                \
	STRING(PACLIENT_VERSION_MAJOR) \
	"." STRING(PACLIENT_VERSION_MINOR) "." STRING(PACLIENT_VERSION_PATCH)
#define SHARED_LIBRARY "libpaclient.so." STRING(PACLIENT_VERSION_MAJOR)

/* The newest that this command knows. */
#define FEATURE_LAST PACLIENT_FEATURE_USERS

#define HUGE_PATH_BYTES 128

static void shared_library(struct doctor *d)
{
	void *handle = dlopen(SHARED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const char *(*version)(void);

	if (!handle)
		return;
	/* POSIX says that this is how a function's address comes out of it. */
	*(void **)&version = dlsym(handle, "paclient_version");
	if (version && strcmp(version(), COMMAND_VERSION) != 0)
		tell(d, VERDICT_FINDING, "library",
		     "install libpaclient and paclient of one version",
		     "the installed " SHARED_LIBRARY
		     " is of version %s, this command of " COMMAND_VERSION,
		     version());
	else
		tell(d, VERDICT_OK, "library", NULL,
		     "the installed " SHARED_LIBRARY " is of version %s", COMMAND_VERSION);
	dlclose(handle);
}

/* A daemon that goes on running after an upgrade is the old one. Where its program cannot be looked at nothing is known. */
static bool replaced(const struct doctor *d)
{
	static const char deleted[] = " (deleted)";
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%" PRIu32 "/exe", d->daemon.pid);
	n = d->daemon.pid ? readlink(link, path, sizeof(path) - 1) : -1;
	if (n < (ssize_t)strlen(deleted))
		return false;
	path[n] = '\0';
	return !strcmp(path + n - strlen(deleted), deleted);
}

void doctor_versions(struct doctor *d)
{
	static const char restart[] =
		"`systemctl restart pallocd.service`, which keeps what is held; install command, "
		"library and daemon of one version if that does not help";
	const char *server;
	int nlacking = 0;

	if (strcmp(paclient_version(), COMMAND_VERSION) != 0)
		tell(d, VERDICT_FINDING, "version", "install paclient anew",
		     "this command is of version " COMMAND_VERSION ", the library in it of %s",
		     paclient_version());
	shared_library(d);
	if (!d->pa)
		return;
	server = paclient_server_name(d->pa);
	for (int f = PACLIENT_FEATURE_PLACEMENT; f <= FEATURE_LAST; f++)
		nlacking += !paclient_has(d->pa, f);
	if (replaced(d))
		tell(d, VERDICT_FINDING, "version", restart,
		     "the daemon's program was replaced while it ran: it is %s still", server);
	else if (nlacking)
		tell(d, VERDICT_FINDING, "version", restart,
		     "%s is older than this command (" COMMAND_VERSION
		     "): %d things that the command can ask for it does not know",
		     server, nlacking);
	else if (strcmp(server, "pallocd " COMMAND_VERSION) != 0)
		tell(d, VERDICT_FINDING, "version", restart,
		     "the daemon is %s, this command is of version " COMMAND_VERSION, server);
	else
		tell(d, VERDICT_OK, "version", NULL, "command and daemon are of " COMMAND_VERSION);
}

static void connections(struct doctor *d)
{
	const struct paclient_daemon_stat *s = &d->daemon;
	static const char raise[] =
		"`systemctl edit pallocd.service` with [Service], LimitNOFILE= at least twice the "
		"connections and 64, and restart it";

	if (s->connections_wanted > s->connections_max)
		tell(d, VERDICT_FINDING, "descriptors", raise,
		     "the configuration asks for %" PRIu64 " connections, %" PRIu64
		     " descriptors allow %" PRIu64,
		     s->connections_wanted, s->descriptors_max, s->connections_max);
	else if (s->connections_max && s->nconnections >= s->connections_max / 10 * 9)
		tell(d, VERDICT_FINDING, "descriptors",
		     s->connections_wanted ? "raise MaxConnections= in pallocd.conf" : raise,
		     "%" PRIu64 " of %" PRIu64 " connections are open: soon new ones are refused",
		     s->nconnections, s->connections_max);
	else
		tell(d, VERDICT_OK, "descriptors", NULL,
		     "the daemon may have %" PRIu64 ", which is enough for %" PRIu64
		     " connections; %" PRIu64 " are open",
		     s->descriptors_max, s->connections_max, s->nconnections);
}

/* The longest region with memory behind it; NULL. */
static const struct paclient_region *longest(const struct doctor *d, uint64_t *ret_bytes)
{
	const struct paclient_region *best = NULL;

	*ret_bytes = 0;
	for (size_t i = 0; i < d->regions->nregions; i++) {
		const struct paclient_region *r = d->regions->regions[i];
		uint64_t bytes = pages_bytes(r->limit_npages, r->page_size_bytes);

		if (r->backing == PACLIENT_BACKING_NONE || bytes <= *ret_bytes)
			continue;
		best = r;
		*ret_bytes = bytes;
	}
	return best;
}

/* Nothing needs locked memory by itself: it is who hands pages to a device, or must not wait for them. */
static void locking(struct doctor *d)
{
	char mine[SIZE_TEXT_BYTES], theirs[SIZE_TEXT_BYTES], all[SIZE_TEXT_BYTES];
	const struct paclient_region *r;
	struct rlimit limit;
	uint64_t bytes;

	r = longest(d, &bytes);
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (!r) {
		tell(d, VERDICT_OK, "locked memory", NULL,
		     "no region has memory that programs could lock");
		return;
	}
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= bytes || geteuid() == 0)
		tell(d, VERDICT_OK, "locked memory", NULL,
		     "programs of this user may lock all of region %s (%s)", r->name,
		     size_text(bytes, all));
	else
		tell(d, VERDICT_NOTE, "locked memory",
		     "for programs that lock (mlock, RDMA, io_uring buffers): LimitMEMLOCK= of "
		     "their units, or memlock in /etc/security/limits.conf",
		     "programs of this user may lock %s, the daemon %s; region %s has up to %s",
		     size_text(limit.rlim_cur, mine),
		     d->daemon.locked_bytes_max == RLIM_INFINITY
			     ? "all"
			     : size_text(d->daemon.locked_bytes_max, theirs),
		     r->name, size_text(bytes, all));
}

void doctor_limits(struct doctor *d)
{
	if (!d->pa) {
		tell(d, VERDICT_SKIPPED, "limits", NULL, "the daemon says what they are");
		return;
	}
	connections(d);
	locking(d);
}

static bool huge_read(uint64_t page_bytes, const char *what, uint64_t *ret)
{
	char path[HUGE_PATH_BYTES];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
		 page_bytes / 1024, what);
	file = fopen(path, "re");
	ok = file && fscanf(file, "%" SCNu64, ret) == 1;
	if (file)
		fclose(file);
	return ok;
}

/* Huge pages of one size: what regions may still need is what they may have without what they have. */
static void huge_pages(struct doctor *d, uint64_t page_bytes, uint64_t need_bytes,
		       const char *names)
{
	uint64_t all, nfree, reserved, need = (need_bytes + page_bytes - 1) / page_bytes;
	char size[SIZE_TEXT_BYTES], remedy[512];

	size_text(page_bytes, size);
	if (!huge_read(page_bytes, "nr_hugepages", &all) ||
	    !huge_read(page_bytes, "free_hugepages", &nfree) ||
	    !huge_read(page_bytes, "resv_hugepages", &reserved)) {
		tell(d, VERDICT_SKIPPED, "huge pages", NULL,
		     "/sys/kernel/mm/hugepages does not tell of pages of %s", size);
		return;
	}
	nfree = nfree > reserved ? nfree - reserved : 0;
	if (nfree >= need) {
		tell(d, VERDICT_OK, "huge pages", NULL,
		     "%s may need %" PRIu64 " more of %s, %" PRIu64 " are free", names, need, size,
		     nfree);
		return;
	}
	snprintf(remedy, sizeof(remedy),
		 "`echo %" PRIu64 " >/sys/kernel/mm/hugepages/hugepages-%" PRIu64
		 "kB/nr_hugepages` as root; for good, hugepagesz=%" PRIu64 "M hugepages=%" PRIu64
		 " on the kernel's command line, or a lower Limit=",
		 all + need - nfree, page_bytes / 1024, page_bytes >> 20, all + need - nfree);
	tell(d, VERDICT_FINDING, "huge pages", remedy,
	     "%s may need %" PRIu64 " more of %s, but %" PRIu64 " are free: allocs will be "
	     "refused, or programs get SIGBUS",
	     names, need, size, nfree);
}

/* Bytes that @r may need beyond what is behind it now. */
static uint64_t need_get(struct doctor *d, const struct paclient_region *r)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	uint64_t bytes = pages_bytes(r->limit_npages, r->page_size_bytes);
	struct paclient_call call;

	call_init(d->cli, &call);
	if (paclient_stat_region(d->pa, r->id, &stat, &call))
		return bytes;
	return bytes > stat.resident_bytes ? bytes - stat.resident_bytes : 0;
}

/* Return: is it the first region with huge pages of its size? */
static bool is_first(const struct doctor *d, size_t i)
{
	const struct paclient_region *r = d->regions->regions[i];

	if (r->backing != PACLIENT_BACKING_HUGETLB || !r->backing_page_bytes)
		return false;
	for (size_t k = 0; k < i; k++) {
		const struct paclient_region *other = d->regions->regions[k];

		if (other->backing == PACLIENT_BACKING_HUGETLB &&
		    other->backing_page_bytes == r->backing_page_bytes)
			return false;
	}
	return true;
}

void doctor_huge_pages(struct doctor *d)
{
	bool any = false;

	if (!d->pa) {
		tell(d, VERDICT_SKIPPED, "huge pages", NULL,
		     "the daemon says which regions need some; `pallocd --check-config` does "
		     "without it");
		return;
	}
	for (size_t i = 0; i < d->regions->nregions; i++) {
		uint64_t page_bytes = d->regions->regions[i]->backing_page_bytes, need = 0;
		char names[256] = "";
		size_t at = 0;

		if (!is_first(d, i))
			continue;
		any = true;
		for (size_t k = i; k < d->regions->nregions; k++) {
			const struct paclient_region *r = d->regions->regions[k];

			if (r->backing != PACLIENT_BACKING_HUGETLB ||
			    r->backing_page_bytes != page_bytes)
				continue;
			need += need_get(d, r);
			if (at < sizeof(names))
				at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s",
						       at ? ", " : "region ", r->name);
		}
		huge_pages(d, page_bytes, need, names);
	}
	if (!any)
		tell(d, VERDICT_OK, "huge pages", NULL, "no region needs any");
}

void doctor_regions(struct doctor *d)
{
	const struct paclient_daemon_stat *s = &d->daemon;
	unsigned nfindings = d->nfindings;

	if (!d->pa)
		return;
	if (s->nleft_out)
		tell(d, VERDICT_FINDING, "regions",
		     "`journalctl -u pallocd.service -g 'left out'` says what each lacks, and "
		     "`pallocd --check-config` whether it is there now; then restart the daemon",
		     "this host does not have what regions of the configuration need: %" PRIu64
		     " left out",
		     s->nleft_out);
	for (size_t i = 0; i < d->regions->nregions; i++) {
		if (d->regions->regions[i]->faulted)
			tell(d, VERDICT_FINDING, "regions",
			     "`paclient check REGION` and `journalctl -x PALLOCD_REGION=REGION` "
			     "say why; the restart of the daemon tries what is written",
			     "region %s is closed: its state is inconsistent",
			     d->regions->regions[i]->name);
	}
	if (s->store_failure[0])
		tell(d, VERDICT_FINDING, "store",
		     "make room on the file systems of /run/pallocd-store and /var/lib/pallocd (or "
		     "where StoreDirectory= and StateDirectory= say); it is tried again by itself",
		     "changes cannot be written down, and are refused: %s", s->store_failure);
	if (nfindings == d->nfindings)
		tell(d, VERDICT_OK, "regions", NULL,
		     "all %" PRIu64 " are served, and changes are written down", s->nregions);
}
