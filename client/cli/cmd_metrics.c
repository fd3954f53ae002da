/*
 * cmd_metrics - the verb metrics
 *
 * Role:       gets all that metrics.c writes, and puts it on standard output, or into a file all at once.
 * Uses:       source.h, metrics.h
 */
#include "client/cli/metrics.h"
#include "client/cli/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever may read the folder may read it: it says no more than the daemon tells everybody who may connect. */
#define TEXTFILE_MODE 0644

static void metrics_deinit(struct metrics *m)
{
	free(m->regions);
}

/* A daemon that is too old for it leaves *@ret as it is. Return: 0 or a status. */
static int users_get(struct source *src, uint32_t region_id, const struct paclient_user_list **ret,
		     struct paclient_call *call)
{
	int status = src->ask->users(src, region_id, ret, call);

	return status == PACLIENT_UNKNOWN_VERB ? 0 : status;
}

/* Return: 0 or a status. */
static int region_get(struct source *src, const struct paclient_region *info,
		      struct metrics_region *to, struct paclient_call *call)
{
	memcpy(&to->info, info, info->size < sizeof(to->info) ? info->size : sizeof(to->info));
	to->stat.size = sizeof(to->stat);
	if (src->ask->stat_region(src, info->id, &to->stat, call) ||
	    src->ask->quotas(src, info->id, &to->quotas, call))
		return call->error.status;
	return users_get(src, info->id, &to->users, call);
}

/* Those where the caller may do nothing are not shown; nor are those whose memory was lost meanwhile, which have another id now. */
static bool is_hidden(int status)
{
	return status == PACLIENT_DENIED || status == PACLIENT_STALE ||
	       status == PACLIENT_NO_REGION;
}

static int regions_get(struct source *src, struct metrics *m, struct paclient_call *call)
{
	const struct paclient_region_list *list;
	int status = src->ask->regions(src, &list, call);

	if (status)
		return status;
	m->regions = calloc(list->nregions + 1, sizeof(m->regions[0]));
	for (size_t i = 0; m->regions && !status && i < list->nregions; i++) {
		struct metrics_region *to = &m->regions[m->nregions++];

		status = region_get(src, list->regions[i], to, call);
		if (!is_hidden(status))
			continue;
		*to = (struct metrics_region){.quotas = NULL};
		m->nregions--;
		status = 0;
	}
	if (m->regions)
		return status;
	call->error = (struct paclient_error){.status = PACLIENT_OUT_OF_MEMORY,
					      .message = "no memory for the regions"};
	return PACLIENT_OUT_OF_MEMORY;
}

/* Return: 0 or a status. */
static int metrics_get(struct source *src, struct metrics *m, struct paclient_call *call)
{
	m->server = src->server;
	m->daemon.size = sizeof(m->daemon);
	if (src->ask->stat_daemon(src, &m->daemon, call) ||
	    src->ask->quotas(src, 0, &m->quotas, call))
		return call->error.status;
	if (users_get(src, 0, &m->users, call) || regions_get(src, m, call))
		return call->error.status;
	m->up = true;
	return 0;
}

/* The renaming would put a file in the place of whatever is there. */
static int textfile_look(const struct cli *cli)
{
	struct stat st;

	if (lstat(cli->textfile, &st))
		return errno == ENOENT
			       ? 0
			       : system_error(cli, "%s: %s", cli->textfile, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return usage_error(cli,
				   "--textfile: %s is no regular file: without the option the "
				   "metrics go to standard output",
				   cli->textfile);
	return 0;
}

/*
 * Into a file of another name, which collectors do not look at as it does not end in .prom, and then in the place of the old one: nobody reads
 * half of it. It is not synced: after a power failure the next one is written anyway.
 */
static int textfile_write(const struct cli *cli, const struct metrics *m)
{
	char path[4096];
	FILE *file = NULL;
	int fd, err;

	if (snprintf(path, sizeof(path), "%s.XXXXXX", cli->textfile) >= (int)sizeof(path))
		return usage_error(cli, "--textfile: the path is too long");
	fd = mkstemp(path);
	if (fd < 0)
		return system_error(cli, "cannot write beside %s: %s", cli->textfile,
				    strerror(errno));
	if (!fchmod(fd, TEXTFILE_MODE))
		file = fdopen(fd, "w");
	if (file)
		metrics_write(file, m, METRICS_PROMETHEUS);
	/* The first that goes wrong is what is told. */
	err = !file || fflush(file) || ferror(file) ? errno : 0;
	if (file)
		fclose(file);
	else
		close(fd);
	if (!err && rename(path, cli->textfile))
		err = errno;
	if (!err)
		return 0;
	unlink(path);
	return system_error(cli, "cannot write %s: %s", cli->textfile, strerror(err));
}

/* A file of before would go on saying that all is well. */
static int textfile_down(const struct cli *cli, int exit_code)
{
	const struct metrics down = {.up = false};
	int err = cli->textfile ? textfile_write(cli, &down) : 0;

	return err ? err : exit_code;
}

int cmd_metrics(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	CLEANUP(metrics_deinit) struct metrics m = {.up = false};
	struct paclient_call call;
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes no arguments, \"%s\" is one too many", cli->args[0]);
	if (cli->json)
		return usage_error(cli, "the metrics are OpenMetrics text; `paclient stat --json` "
					"has the same counters as JSON");
	err = cli->textfile ? textfile_look(cli) : 0;
	if (err)
		return err;
	err = source_open(cli, &src);
	/* That a dump cannot be read says nothing about a daemon. */
	if (err)
		return cli->from ? err : textfile_down(cli, err);
	call_init(cli, &call);
	if (metrics_get(src, &m, &call))
		return textfile_down(cli, call_error(cli, &call.error));
	if (cli->textfile)
		return textfile_write(cli, &m);
	metrics_write(stdout, &m, METRICS_OPENMETRICS);
	return out_end(cli);
}
