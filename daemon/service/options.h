/*
 * options - the command line
 *
 * Role:       which options there are and their help. Values stay text; config.h reads them.
 * Uses:       libc
 */
#ifndef PALLOCD_SERVICE_OPTIONS_H
#define PALLOCD_SERVICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

/* Exit codes of pallocd; --help lists them. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILURE = 1, /* the daemon could not start, or not go on */
	EXIT_CODE_USAGE = 2,   /* wrong option or configuration */
};

struct options {
	const char *socket;
	const char *socket_mode;
	const char *config;
	const char *max_connections;
	const char *log_level;
	const char *store_dir, *state_dir, *restart_grace;
	const char **regions;
	size_t nregions;
	bool builtin_config; /* no file is read, the built-in configuration is taken */
	bool check_config;
	bool print_config;
	bool check_store;
	bool reload; /* another daemon is to read its configuration again */
};

enum options_outcome {
	OPTIONS_E_DONE = 1, /* --help or --version has been answered on stdout */
	OPTIONS_E_USAGE,    /* wrong; the log says what */
};

/**
 * options_parse() - text stays in @argv
 *
 * Return: 0, OPTIONS_E_DONE, OPTIONS_E_USAGE, -ENOMEM. Given back with options_deinit().
 */
MUST_CHECK int options_parse(struct options *o, int argc, char **argv);
void options_deinit(struct options *o);

#endif
