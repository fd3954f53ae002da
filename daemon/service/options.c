/*
 * options - the command line
 *
 * Role:       see options.h.
 * Uses:       base/, service/config.h for the defaults that the help states
 */
#include "service/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/net.h"
#include "service/config.h"

enum option_code {
	OPT_SOCKET = 256, /* above all characters */
	OPT_SOCKET_MODE,
	OPT_CONFIG,
	OPT_BUILTIN_CONFIG,
	OPT_REGION,
	OPT_MAX_CONNECTIONS,
	OPT_CHECK_CONFIG,
	OPT_PRINT_CONFIG,
	OPT_CHECK_STORE,
	OPT_RELOAD,
	OPT_LOG_LEVEL,
	OPT_STORE_DIR,
	OPT_STATE_DIR,
	OPT_RESTART_GRACE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"socket-mode", required_argument, NULL, OPT_SOCKET_MODE},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"builtin-config", no_argument, NULL, OPT_BUILTIN_CONFIG},
	{"region", required_argument, NULL, OPT_REGION},
	{"max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS},
	{"check-config", no_argument, NULL, OPT_CHECK_CONFIG},
	{"print-config", no_argument, NULL, OPT_PRINT_CONFIG},
	{"check-store", no_argument, NULL, OPT_CHECK_STORE},
	{"reload", no_argument, NULL, OPT_RELOAD},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"store-dir", required_argument, NULL, OPT_STORE_DIR},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"restart-grace", required_argument, NULL, OPT_RESTART_GRACE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static void help_print(void)
{
	printf("pallocd - hands out pages of shared address spaces over a Unix socket\n"
	       "\n"
	       "usage: pallocd [OPTION]...\n"
	       "\n"
	       "  --socket PATH         where to listen (default " CONFIG_SOCKET_DEFAULT ")\n"
	       "  --socket-mode MODE    file mode of the socket, octal (default %04o)\n"
	       "  --config FILE         configuration, with FILE.d/*.conf and regions.d/*.region "
	       "beside it\n"
	       "                        (default " CONFIG_FILE_DEFAULT " where there is any of\n"
	       "                        them and no --region is given; else one region \"demo\" "
	       "is built in)\n"
	       "  --builtin-config      take the built-in configuration even where there is a "
	       "file\n"
	       "  --region NAME,limit=SIZE[,KEY=VALUE]...\n"
	       "                        a region, or values over those of the file; may be "
	       "repeated\n"
	       "  --max-connections N   above it, connections are refused (default: descriptors - "
	       "%u)\n"
	       "  --store-dir DIR       what outlives the daemon ($RUNTIME_DIRECTORY/store, else "
	       "SOCKET.store)\n"
	       "  --state-dir DIR       what outlives the system ($STATE_DIRECTORY/store)\n"
	       "  --restart-grace TIME  clients of before may go on so long after a start "
	       "(default 30s)\n"
	       "  --check-config        check options and configuration, and that there is what "
	       "the "
	       "regions\n"
	       "                        name, then end\n"
	       "  --print-config        print what options and configuration come to, and where "
	       "each value is\n"
	       "                        from, then end\n"
	       "  --check-store         check what outlives a daemon that does not run, then end\n"
	       "  --reload              for ExecReload= of a unit: the daemon that runs reads its\n"
	       "                        configuration again; ends when it is in force or refused\n"
	       "  --log-level LEVEL     error, warning, info (default) or debug\n"
	       "  --help, --version\n",
	       (unsigned)CONFIG_SOCKET_MODE_DEFAULT, NET_FDS_RESERVED);
}

static void help_regions_print(void)
{
	printf("\n"
	       "keys of a region:\n"
	       "  base=ADDR, page-size=SIZE   where it begins; 4K unless said otherwise\n"
	       "  initial=SIZE                grown at start\n"
	       "  auto-grow=SIZE              an alloc that finds no room grows the region by this "
	       "step, up\n"
	       "                              to its limit; without it, only Grow does\n"
	       "  best-fit=yes|no             keep an index for the placement of that name\n"
	       "  reserve=ADDR:SIZE           nobody ever gets these addresses; may be repeated\n"
	       "  death=free|keep|quarantine, quarantine=TIME\n"
	       "                              what becomes of what a session held that has ended\n"
	       "  durability=none|process|machine\n"
	       "                              what is held outlives nothing, the daemon "
	       "(default), or the system\n"
	       "  allow=WHO:RIGHT[+RIGHT]...  who may what: a user, @group, or * for everyone; may "
	       "be "
	       "repeated\n"
	       "  quota-user=SIZE, quota-session=SIZE, quota-user-extents=N, "
	       "quota-session-extents=N\n"
	       "                              what one user, or one session, may hold\n"
	       "  low-space=SIZE|PERCENT%%     watchers are told when less is left\n"
	       "  backing=none|memfd|hugetlb|file, file=PATH, file-folder=DIR, "
	       "huge-page-size=2M|1G\n"
	       "                              what stands behind the addresses; a file must not "
	       "lie "
	       "outside\n"
	       "                              of the folder; file= and huge-page-size= imply the "
	       "backing\n"
	       "  numa-policy=default|bind:NODES|interleave:NODES|preferred:NODE\n"
	       "                              where that memory comes from; NODES as in 0-1+3\n"
	       "  commit=lazy|alloc           it is there when it is touched, or before the reply\n"
	       "  sanitize=yes|no             pages are cleared before anybody gets them\n"
	       "  retain=PERCENT, scavenge-delay=TIME, scavenge-cpu=PERCENT\n"
	       "                              what free pages keep of the peak in use, for how "
	       "long, "
	       "and how\n"
	       "                              much of a processor giving it back may take; 0: no "
	       "limit\n"
	       "\n"
	       "SIZE is in bytes, with K, M, G, T or P for powers of 1024; TIME is in seconds, or "
	       "as "
	       "in\n"
	       "500ms, 5min, 1h 30min. The configuration has the same keys, and more for the "
	       "daemon.\n"
	       "SIGHUP: it is read again.\n"
	       "A socket handed over by the service manager takes the place of --socket.\n"
	       "\n"
	       "exit codes: %d stopped in order, %d could not start or go on,\n"
	       "            %d wrong option or configuration\n",
	       EXIT_CODE_OK, EXIT_CODE_FAILURE, EXIT_CODE_USAGE);
}

static int option_take(struct options *o, int code)
{
	switch (code) {
	case OPT_SOCKET:
		o->socket = optarg;
		return 0;
	case OPT_SOCKET_MODE:
		o->socket_mode = optarg;
		return 0;
	case OPT_CONFIG:
		o->config = optarg;
		return 0;
	case OPT_BUILTIN_CONFIG:
		o->builtin_config = true;
		return 0;
	case OPT_REGION:
		o->regions[o->nregions++] = optarg;
		return 0;
	case OPT_MAX_CONNECTIONS:
		o->max_connections = optarg;
		return 0;
	case OPT_CHECK_CONFIG:
		o->check_config = true;
		return 0;
	case OPT_PRINT_CONFIG:
		o->print_config = true;
		return 0;
	case OPT_CHECK_STORE:
		o->check_store = true;
		return 0;
	case OPT_RELOAD:
		o->reload = true;
		return 0;
	case OPT_LOG_LEVEL:
		o->log_level = optarg;
		return 0;
	case OPT_STORE_DIR:
		o->store_dir = optarg;
		return 0;
	case OPT_STATE_DIR:
		o->state_dir = optarg;
		return 0;
	case OPT_RESTART_GRACE:
		o->restart_grace = optarg;
		return 0;
	case OPT_HELP:
		help_print();
		help_regions_print();
		return OPTIONS_E_DONE;
	case OPT_VERSION:
		puts("pallocd " PALLOCD_RELEASE);
		return OPTIONS_E_DONE;
	default:
		/* getopt_long() has said which one. */
		log_error("wrong option: pallocd --help lists those that there are");
		return OPTIONS_E_USAGE;
	}
}

int options_parse(struct options *o, int argc, char **argv)
{
	int code, err;

	*o = (struct options){.regions = mem_zalloc((size_t)argc, sizeof(char *))};
	if (!o->regions)
		return -ENOMEM;
	optind = 1;
	while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		err = option_take(o, code);
		if (err)
			return err;
	}
	if (optind < argc) {
		log_error("'%s' is no option: pallocd --help lists those that there are",
			  argv[optind]);
		return OPTIONS_E_USAGE;
	}
	if (o->builtin_config && o->config) {
		log_error("--builtin-config and --config contradict each other: give one of them");
		return OPTIONS_E_USAGE;
	}
	if (o->check_config + o->check_store + o->print_config + o->reload > 1) {
		log_error("--check-config, --print-config, --check-store and --reload are things "
			  "of their own: do one after the other");
		return OPTIONS_E_USAGE;
	}
	return 0;
}

void options_deinit(struct options *o)
{
	mem_free(o->regions);
	*o = (struct options){0};
}
