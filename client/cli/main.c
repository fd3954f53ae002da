/*
 * main - paclient: take and give back pages from the shell
 *
 * Role:       reads the command line and runs one verb.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct cli cli = {.prefix = "PACLIENT"};
	int err;

	err = options_parse(&cli, argc, argv);
	if (err)
		return err;
	if (cli.help) {
		if (cli.verb)
			help_verb(cli.verb);
		else
			help_program();
		return out_end(&cli);
	}
	if (cli.version) {
		printf("paclient %s\n", paclient_version());
		return out_end(&cli);
	}
	if (!cli.verb)
		return usage_error(&cli, "no verb given; `paclient --help` lists them");
	return cli.verb->run(&cli);
}
