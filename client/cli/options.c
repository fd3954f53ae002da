/*
 * options - the command line by the tables of verbs.c
 *
 * Role:       global options stand anywhere, a verb's options behind the verb; "--" ends them.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <string.h>

static const struct option_spec *option_in(const struct option_spec *options, size_t n,
					   const char *name, size_t nbytes)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(options[i].name) == nbytes && !memcmp(options[i].name, name, nbytes))
			return &options[i];
	}
	return NULL;
}

const struct option_spec *option_find(const struct cli *cli, const char *arg)
{
	const struct option_spec *o = NULL;
	size_t nbytes = strcspn(arg, "=");

	if (!strcmp(arg, "-h"))
		return option_find(cli, "--help");
	if (cli->verb)
		o = option_in(cli->verb->options, cli->verb->noptions, arg, nbytes);
	return o ? o : option_in(global_options, nglobal_options, arg, nbytes);
}

/* Return: NULL, or what is wrong. */
static const char *texts_add(struct texts *to, const char *value)
{
	if (!value[0])
		return "is empty";
	if (to->n == TEXTS_MAX)
		return "is one too many: the option can be given 16 times";
	to->text[to->n++] = value;
	return NULL;
}
_Static_assert(TEXTS_MAX == 16, "the sentence above says it");

/* Return: NULL, or what is wrong. */
static const char *commit_parse(const char *value, int *ret)
{
	if (!value[0] || !strcmp(value, "now"))
		*ret = PACLIENT_COMMIT_NOW;
	else if (!strcmp(value, "lazy"))
		*ret = PACLIENT_COMMIT_LAZY;
	else
		return "is neither now nor lazy";
	return NULL;
}

/* Return: NULL, or what is wrong. @choices: "auto|always|never" */
static const char *choice_check(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *p = choices; n && *p; p += strcspn(p, "|"), p += *p == '|') {
		if (strcspn(p, "|") == n && !memcmp(p, value, n))
			return NULL;
	}
	return "is none of those that it may be";
}

static int option_set(struct cli *cli, const struct option_spec *o, const char *value)
{
	void *to = (char *)cli + o->offset;
	const char *wrong = NULL;

	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)to = true;
		break;
	case OPTION_TEXT:
		*(const char **)to = value;
		if (!value[0])
			wrong = "is empty";
		break;
	case OPTION_CHOICE:
		*(const char **)to = value;
		wrong = choice_check(o->metavar, value);
		break;
	case OPTION_WORDING:
		*(const char **)to = value;
		break;
	case OPTION_TEXTS:
		wrong = texts_add(to, value);
		break;
	case OPTION_DURATION:
		wrong = duration_parse(value, to);
		break;
	case OPTION_AMOUNT:
		wrong = amount_parse(value, to);
		if (!wrong && !((struct amount *)to)->value)
			wrong = "must be at least 1";
		break;
	case OPTION_ADDRESS:
		((struct address *)to)->given = true;
		wrong = number_parse(value, &((struct address *)to)->addr);
		break;
	case OPTION_COMMIT:
		wrong = commit_parse(value, to);
		break;
	case OPTION_COUNT:
		wrong = number_parse(value, to);
		if (!wrong && !*(uint64_t *)to)
			wrong = "must be at least 1";
		break;
	}
	if (wrong && o->kind == OPTION_CHOICE)
		return usage_error(cli, "%s: \"%s\" %s: %s", o->name, value, wrong, o->metavar);
	if (wrong)
		return usage_error(cli, "%s: \"%s\" %s", o->name, value, wrong);
	return 0;
}

/* The option at argv[*at], with its value there or in the next argument. */
static int option_take(struct cli *cli, int argc, char **argv, int *at)
{
	const char *arg = argv[*at], *value = strchr(arg, '=');
	const struct option_spec *o = option_find(cli, arg);

	if (!o)
		return usage_error(cli, "unknown option %s; `paclient%s%s --help` lists them", arg,
				   cli->verb ? " " : "", cli->verb ? cli->verb->name : "");
	if (!o->metavar) {
		if (value)
			return usage_error(cli, "%s takes no value", o->name);
		return option_set(cli, o, "");
	}
	if (value || o->kind == OPTION_COMMIT)
		return option_set(cli, o, value ? value + 1 : "");
	if (*at + 1 >= argc)
		return usage_error(cli, "%s needs a value: %s %s", o->name, o->name, o->metavar);
	return option_set(cli, o, argv[++*at]);
}

/* --json decides how mistakes are told: it must be known before the first one. */
static void json_find(struct cli *cli, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		cli->json |= !strcmp(argv[i], "--json");
}

/* A dump answers, and nothing else. */
static int from_check(const struct cli *cli)
{
	if (!verb_reads(cli->verb))
		return usage_error(cli, "needs a daemon: --from is for verbs that only show what "
					"there is, such as list, info and map");
	if (cli->socket || cli->wait_for_daemon)
		return usage_error(cli, "--from asks a dump, %s a daemon: give one of the two",
				   cli->socket ? "--socket" : "--wait-for-daemon");
	return 0;
}

int options_parse(struct cli *cli, int argc, char **argv)
{
	json_find(cli, argc, argv);
	cli->args = argv;
	for (int i = 1; i < argc; i++) {
		int err = 0;

		if (!strcmp(argv[i], "--")) {
			cli->command = &argv[i + 1];
			break;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			err = option_take(cli, argc, argv, &i);
		} else if (cli->verb) {
			/* Never overtakes i: at least the program's name has been left out. */
			cli->args[cli->nargs++] = argv[i];
		} else {
			cli->verb = verb_find(argv[i]);
			if (!cli->verb)
				err = usage_error(cli,
						  "unknown verb %s; `paclient --help` lists them",
						  argv[i]);
		}
		if (err)
			return err;
	}
	cli->no_progress |= cli->quiet;
	if (cli->region && cli->verb && !cli->help && !strstr(cli->verb->synopsis, "REGION"))
		return usage_error(cli, "takes no region, and --region says %s", cli->region);
	if (cli->command && cli->verb && cli->verb->run != cmd_exec &&
	    cli->verb->run != cmd_check && cli->verb->run != cmd_completion && !cli->help)
		return usage_error(cli, "only exec takes a command behind --, and check options");
	return cli->from && cli->verb && !cli->help ? from_check(cli) : 0;
}
