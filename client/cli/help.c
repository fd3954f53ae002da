/*
 * help - what --help says
 *
 * Role:       the tables of verbs.c as text, and the exit codes by the library's table.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <stdio.h>
#include <string.h>

/* The highest status that may exist: the values are small by design. */
#define STATUS_MAX 127

static void options_help(const struct option_spec *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[64];

		/* A value that may be left out brings its own brackets. */
		snprintf(text, sizeof(text), "%s%s%s", options[i].name,
			 options[i].metavar && options[i].metavar[0] != '[' ? " " : "",
			 options[i].metavar ? options[i].metavar : "");
		printf("  %-25s %s\n", text, options[i].help);
	}
}

static bool status_exists(int status)
{
	return strcmp(paclient_status_name(status), "UNKNOWN") != 0;
}

static void exit_codes_help(void)
{
	printf("Exit codes (and the statuses behind them):\n");
	for (int code = 0; code <= 7; code++) {
		int column = printf("  %d ", code);

		if (code == EXIT_USAGE)
			column += printf(" USAGE");
		for (int s = 0; s <= STATUS_MAX; s++) {
			if (!status_exists(s) || paclient_status_exit_code(s) != code)
				continue;
			if (column > 80)
				column = printf("\n    ") - 1;
			column += printf(" %s", paclient_status_name(s));
		}
		putchar('\n');
	}
}

void help_program(void)
{
	printf("Usage: paclient [OPTIONS] VERB [REGION] [ARGUMENTS]\n\n"
	       "Take and give back pages of an address space that pallocd manages.\n\nVerbs:\n");
	for (size_t i = 0; i < nverbs; i++)
		printf("  %-20s %s\n", verbs[i].name, verbs[i].summary);
	printf("\nOptions, before or behind the verb:\n");
	options_help(global_options, nglobal_options);
	printf("\nThe socket is that of --socket, else of PACLIENT_SOCKET, "
	       "else\n" PACLIENT_DEFAULT_SOCKET
	       ". With --json an error is an object {\"error\": {...}} on\n"
	       "standard error; standard output then holds nothing.\n\n");
	exit_codes_help();
	printf("\n`paclient VERB --help` says more about a verb.\n");
}

void help_verb(const struct verb *v)
{
	printf("Usage: paclient [OPTIONS] %s%s%s\n\n%s.\n", v->name, v->synopsis[0] ? " " : "",
	       v->synopsis, v->summary);
	if (v->help[0])
		printf("\n%s", v->help);
	printf("\nOptions:\n");
	options_help(v->options, v->noptions);
	options_help(global_options, nglobal_options);
}

int cmd_help(struct cli *cli)
{
	const struct verb *v;

	if (cli->nargs > 1)
		return usage_error(cli, "takes one verb, \"%s\" is one too many", cli->args[1]);
	if (!cli->nargs) {
		help_program();
		return out_end(cli);
	}
	v = verb_find(cli->args[0]);
	if (!v)
		return usage_error(cli, "unknown verb %s; `paclient --help` lists them",
				   cli->args[0]);
	help_verb(v);
	return out_end(cli);
}
