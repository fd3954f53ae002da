/*
 * cmd_completion - the verb completion: what a shell offers
 *
 * Role:       prints a shell's script (client/cli/completion/), and answers what these scripts ask: what may stand at the end of a
 *             command line. All of it is read off the tables of verbs.c: a word of a synopsis, or the word behind an option, says what it
 *             stands for, so that a new verb or option is completed without a line here.
 * Uses:       dump.h, source.h
 *
 * An answer is a line that says what the shell is to add by itself (enum from_shell), then a line for each word, behind a tab
 * what it is. Nothing is ever told on standard error: who presses a key wants no messages.
 */
#include "client/cli/dump.h"
#include "client/cli/source.h"

#include <stdio.h>
#include <string.h>

/* A daemon that does not answer within this time has nothing to offer: a person waits. */
#define TIMEOUT_MS 300

enum from_shell {
	FROM_SHELL_NOTHING,
	FROM_SHELL_FILES,
	FROM_SHELL_USERS,
	FROM_SHELL_COMMAND, /* all that stands behind "--" is a command line of its own */
};

static const char *const from_shell_names[] = {"nothing", "files", "users", "command"};

/* The command line so far. */
struct line {
	struct cli cli;                    /* as far as it says where to ask */
	const char *last;                  /* the word that is being written */
	const struct option_spec *valueof; /* the option that it is the value of; NULL = none */
	const char *before; /* "--strategy=" where the value stands behind that; "" */
	bool behind;        /* "--" stands before it */
	bool lost;          /* there is no such verb */
	enum from_shell from_shell;
	json_t *words; /* [[word, what it is], ...] */
};

/* Offer @before @word @after, if that is what has been begun. */
static void offer(struct line *line, const char *word, const char *after, const char *what)
{
	size_t before = strlen(line->before);
	json_t *text = json_sprintf("%s%s%s", line->before, word, after);

	/* Where it cannot be had, or is not UTF-8, it is not offered. */
	if (!text)
		return;
	if (!strncmp(json_string_value(text) + before, line->last, strlen(line->last)))
		json_array_append_new(line->words, json_pack("[O, s]", text, what));
	json_decref(text);
}

/* Each of "now|lazy", whose bytes are @nbytes. */
static void offer_each(struct line *line, const char *words, size_t nbytes, const char *what)
{
	for (const char *end = words + nbytes; words < end; words++) {
		size_t n = strcspn(words, "|");
		char word[32];

		if (n > (size_t)(end - words))
			n = (size_t)(end - words);
		snprintf(word, sizeof(word), "%.*s", (int)n, words);
		offer(line, word, "", what);
		words += n;
	}
}

/* A dump, if the line names one, else the daemon. NULL: it cannot be asked. */
static struct source *source_ask(const struct line *line)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	char why[DUMP_WRONG_BYTES];
	struct source *src = NULL;
	const char *from = line->cli.from;
	paclient *pa;

	if (from)
		/* Standard input is the terminal. */
		return strcmp(from, "-") && !source_dump_read(from, &src, why) ? src : NULL;
	call.timeout_ms = options.timeout_ms = TIMEOUT_MS;
	options.no_reconnect = true;
	return paclient_open(cli_socket(&line->cli), &options, &pa, &call) ? NULL
									   : source_live_new(pa);
}

static void offer_regions(struct line *line, const char *after)
{
	CLEANUP(source_closep) struct source *src = source_ask(line);
	struct paclient_call call = PACLIENT_CALL_INIT;
	const struct paclient_region_list *list;

	if (!src || src->ask->regions(src, &list, &call))
		return;
	for (size_t i = 0; i < list->nregions; i++)
		offer(line, list->regions[i]->name, after, "region");
}

static int offer_extent(const struct paclient_extent *x, void *ctx)
{
	offer(ctx, x->name, "", x->label);
	return 0;
}

/* The names of the region's extents. */
static void offer_names(struct line *line, const char *region)
{
	struct paclient_list_filter filter = PACLIENT_LIST_FILTER_INIT;
	CLEANUP(source_closep) struct source *src = region ? source_ask(line) : NULL;
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_region r = {.size = sizeof(r)};

	if (!src || src->ask->region_by_name(src, region, &r, &call))
		return;
	filter.name_pattern = "*";
	/* What has come by then is offered, however it ends. */
	src->ask->list_each(src, r.id, &filter, offer_extent, line, &call);
}

/* "REGION:NAME" */
static void offer_shares(struct line *line)
{
	const char *colon = strchr(line->last, ':');
	char region[64], before[128];

	if (!colon || (size_t)(colon - line->last) >= sizeof(region)) {
		offer_regions(line, ":");
		return;
	}
	snprintf(region, sizeof(region), "%.*s", (int)(colon - line->last), line->last);
	snprintf(before, sizeof(before), "%s%s:", line->before, region);
	line->before = before;
	line->last = colon + 1;
	offer_names(line, region);
	line->before = "";
}

/* The last of "alloc,free,...": what stands before it stays. */
static void offer_kinds(struct line *line)
{
	const char *comma = strrchr(line->last, ',');
	char before[512];

	if (strlen(line->last) >= sizeof(before) / 2)
		return; /* there are not so many */
	if (comma) {
		snprintf(before, sizeof(before), "%s%.*s", line->before,
			 (int)(comma + 1 - line->last), line->last);
		line->before = before;
		line->last = comma + 1;
	}
	for (int kind = 1; strcmp(paclient_event_name(kind), paclient_event_name(-1)) != 0; kind++)
		offer(line, paclient_event_name(kind), "", "kind of event");
	line->before = "";
}

static void offer_strategies(struct line *line)
{
	const char *name;

	for (size_t i = 0; (name = strategy_name(i)) != NULL; i++)
		offer(line, name, "", "strategy");
}

static void offer_verbs(struct line *line)
{
	for (size_t i = 0; i < nverbs; i++)
		offer(line, verbs[i].name, "", verbs[i].summary);
}

static void offer_options(struct line *line, const struct option_spec *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *values = options[i].metavar;

		offer(line, options[i].name, "", options[i].help);
		/* "[=now|lazy]": a value that may be left out stands in the same word. */
		if (!values || strncmp(values, "[=", 2) != 0)
			continue;
		line->before = "";
		for (values += 2; *values && *values != ']'; values += strspn(values, "|")) {
			size_t nbytes = strcspn(values, "|]");
			char after[32];

			snprintf(after, sizeof(after), "=%.*s", (int)nbytes, values);
			offer(line, options[i].name, after, options[i].help);
			values += nbytes;
		}
	}
}

/* What an option's value, or an argument, is called by the tables, and may be. */
static void offer_value(struct line *line, const char *called, size_t nbytes, const char *region)
{
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)nbytes, called);
	if (!strcmp(word, "PATH") || !strcmp(word, "FILE"))
		line->from_shell = FROM_SHELL_FILES;
	else if (!strcmp(word, "NAME|UID"))
		line->from_shell = FROM_SHELL_USERS;
	else if (!strcmp(word, "REGION"))
		offer_regions(line, "");
	else if (!strcmp(word, "REGION:NAME"))
		offer_shares(line);
	else if (!strcmp(word, "NAME") || (nbytes > 5 && !strcmp(word + nbytes - 5, "|NAME")))
		offer_names(line, region);
	else if (!strcmp(word, "VERB"))
		offer_verbs(line);
	else if (!strcmp(word, "K,K"))
		offer_kinds(line);
	else if (!strcmp(word, "WHICH"))
		offer_strategies(line);
	else if (word[0] >= 'a' && word[0] <= 'z')
		offer_each(line, word, strlen(word), "");
}

static void offer_option_value(struct line *line)
{
	const struct option_spec *o = line->valueof;
	const char *called = o->metavar;

	if (called[0] == '[')
		offer_each(line, called + 2, strcspn(called, "]") - 2, o->help);
	else if (o->offset == offsetof(struct cli, region))
		offer_regions(line, "");
	/* Of the extent that is to be: nobody has that name yet. */
	else if (strcmp(called, "NAME") != 0)
		offer_value(line, called, strlen(called), NULL);
}

/* The next word of a synopsis; brackets and dots are left out. NULL behind the last one, and behind the last of an alternative. */
static const char *synopsis_word(const char **at, size_t *ret_nbytes)
{
	const char *p = *at + strspn(*at, " ["), *word = p;
	size_t n = strcspn(p, " ");

	*at = p + n;
	if (!n || !strncmp(p, "| ", 2))
		return NULL;
	if (n > 3 && !memcmp(p + n - 3, "...", 3))
		n -= 3;
	/* "ADDR[:NPAGES]" keeps its own. */
	if (p[n - 1] == ']' && !memchr(p, '[', n))
		n--;
	*ret_nbytes = n;
	return word;
}

/* Is @arg one of "kill|list"? */
static bool word_is(const char *words, size_t nbytes, const char *arg)
{
	size_t n = strlen(arg);

	for (const char *p = words; p < words + nbytes; p += strcspn(p, "|") + 1) {
		if (strcspn(p, "| ") == n && !memcmp(p, arg, n))
			return true;
	}
	return false;
}

/* Return: behind the alternative, where @line's argument may be the next of its words, this word is offered. */
static const char *offer_alternative(struct line *line, const char *at)
{
	const struct cli *cli = &line->cli;
	const char *region = cli->region, *word;
	bool fits = true;
	size_t nbytes;
	int i = 0;

	while ((word = synopsis_word(&at, &nbytes)) != NULL) {
		bool is_region = nbytes == 6 && !memcmp(word, "REGION", 6);

		/* What follows an option is the option's. */
		if (word[0] == '-')
			fits = false;
		if (!fits || (is_region && cli->region))
			continue;
		if (i == cli->nargs) {
			offer_value(line, word, nbytes, region);
			fits = false;
			continue;
		}
		if (is_region)
			region = cli->args[i];
		if (word[0] >= 'a' && word[0] <= 'z')
			fits = word_is(word, nbytes, cli->args[i]);
		i++;
	}
	return at;
}

static void offer_argument(struct line *line)
{
	const char *at = line->cli.verb->synopsis;

	/* Each ends at a "|" of its own, the last one at the end. */
	do {
		at = offer_alternative(line, at);
		at += strspn(at, " |");
	} while (*at);
}

/* The words before the last one. Mistakes among them are told when the line is run. */
static void line_read(struct line *line, int n, char **words)
{
	struct cli *cli = &line->cli;

	cli->args = words;
	for (int i = 0; i < n && !line->behind; i++) {
		const struct option_spec *o;
		const char *value;

		line->valueof = NULL;
		if (!strcmp(words[i], "--")) {
			line->behind = true;
		} else if (words[i][0] == '-' && words[i][1]) {
			o = option_find(cli, words[i]);
			value = strchr(words[i], '=');
			if (!o || !o->metavar || o->metavar[0] == '[')
				continue;
			if (!value && i + 1 == n)
				line->valueof = o;
			value = value ? value + 1 : i + 1 < n ? words[++i] : NULL;
			if (value && (o->offset == offsetof(struct cli, socket) ||
				      o->offset == offsetof(struct cli, from) ||
				      o->offset == offsetof(struct cli, region)))
				*(const char **)((char *)cli + o->offset) = value;
		} else if (cli->verb) {
			/* Never overtakes i: at least the verb has been left out. */
			cli->args[cli->nargs++] = words[i];
		} else {
			cli->verb = verb_find(words[i]);
			line->lost |= !cli->verb;
		}
	}
}

static void line_complete(struct line *line)
{
	const struct verb *verb = line->cli.verb;
	const char *value = strchr(line->last, '=');
	char before[64];

	if (line->lost)
		return;
	if (line->behind) {
		line->from_shell = verb && verb->run == cmd_exec ? FROM_SHELL_COMMAND
								 : FROM_SHELL_FILES;
	} else if (line->valueof) {
		offer_option_value(line);
	} else if (line->last[0] == '-' && value) {
		line->valueof = option_find(&line->cli, line->last);
		if (!line->valueof || !line->valueof->metavar)
			return;
		snprintf(before, sizeof(before), "%s=", line->valueof->name);
		line->before = before;
		line->last = value + 1;
		offer_option_value(line);
		line->before = "";
	} else if (line->last[0] == '-') {
		if (verb)
			offer_options(line, verb->options, verb->noptions);
		offer_options(line, global_options, nglobal_options);
	} else if (verb) {
		offer_argument(line);
	} else {
		offer_verbs(line);
	}
}

static int words_run(struct cli *cli)
{
	struct line line = {.cli = {.socket = cli->socket}, .last = "", .before = ""};
	json_t *word;
	size_t i;
	int n = 0;

	line.words = json_array();
	while (cli->command && cli->command[n])
		n++;
	if (n) {
		line.last = cli->command[n - 1];
		line_read(&line, n - 1, cli->command);
	}
	line_complete(&line);
	puts(from_shell_names[line.from_shell]);
	json_array_foreach(line.words, i, word)
		printf("%s\t%s\n", json_string_value(json_array_get(word, 0)),
		       json_string_value(json_array_get(word, 1)));
	json_decref(line.words);
	return out_end(cli);
}

int cmd_completion(struct cli *cli)
{
	const char *what = cli->nargs == 1 ? cli->args[0] : NULL;

	if (what && !strcmp(what, "words"))
		return words_run(cli);
	for (const struct completion_script *s = completion_scripts; what && s->shell; s++) {
		if (strcmp(what, s->shell) != 0 || cli->command)
			continue;
		fwrite(s->text, 1, s->nbytes, stdout);
		return out_end(cli);
	}
	return usage_error(cli, "takes the name of a shell: bash, zsh or fish");
}
