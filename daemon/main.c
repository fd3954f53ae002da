/*
 * main - wiring only
 *
 * Role:       options, configuration, daemon; an exit code for each.
 * Uses:       base/, service/
 */
#include <string.h>

#include "base/log.h"
#include "service/check_store.h"
#include "service/config.h"
#include "service/daemon.h"
#include "service/journald.h"
#include "service/options.h"
#include "service/reload_told.h"

/* What a stage before serving came to: OPTIONS_E_DONE is success, other outcomes are the caller's mistakes. */
static int early_exit(int err)
{
	if (err < 0) {
		log_error("cannot start: %s", strerror(-err));
		return EXIT_CODE_FAILURE;
	}
	return EXIT_CODE_USAGE;
}

static int configured(const struct options *options)
{
	struct config config;
	int err, exit_code;

	/* One that comes before the daemon serves is heard when it does. */
	daemon_hold_reloads();
	err = config_load(&config, options);
	if (err) {
		exit_code = early_exit(err);
	} else if (options->check_config) {
		exit_code = daemon_check(&config);
	} else if (options->print_config) {
		exit_code = config_print(&config, stdout) ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	} else if (options->check_store) {
		exit_code = check_store(&config);
	} else {
		log_open(config.log_level);
		exit_code = daemon_run(&config, options);
	}
	config_deinit(&config);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct options options;
	int err, exit_code;

	log_open(LOG_LEVEL_INFO);
	journald_open();
	err = options_parse(&options, argc, argv);
	if (err == OPTIONS_E_DONE)
		exit_code = EXIT_CODE_OK;
	else if (err)
		exit_code = early_exit(err);
	else if (options.reload)
		exit_code = reload_ask();
	else
		exit_code = configured(&options);
	options_deinit(&options);
	return exit_code;
}
