/*
 * trace - what the parts of the verb trace share
 *
 * Role:       a recorder, and how others find it: by a file in a folder of the user's that it keeps locked and up to date.
 * Uses:       cli.h
 */
#ifndef PACLIENT_CLI_TRACE_H
#define PACLIENT_CLI_TRACE_H

#include "client/cli/cli.h"

#include <limits.h>
#include <sys/types.h>

#define TRACE_NAME_BYTES 64

/*
 * What is in the file of a recording, which whoever looks maps, too. The recorder alone writes it, and each number is a word: a
 * reader may see one number newer than another, which is as good as having come a little earlier.
 */
struct trace_state {
	uint32_t magic; /* TRACE_MAGIC: written last */
	int32_t pid;
	uint32_t ended;        /* the file is complete, and reason is there; written last */
	uint32_t failed;       /* it is not all that it should be: the disk was full, ... */
	uint64_t started_usec; /* since 1970 */
	uint64_t events;
	uint64_t lost;
	uint64_t restarts;
	uint64_t bytes;
	uint64_t nsessions;
	uint64_t nallocs;
	uint64_t nfrees;
	uint64_t peak_npages;
	char name[TRACE_NAME_BYTES];
	char region[PACLIENT_NAME_BYTES];
	char output[PATH_MAX];
	char reason[96];
};

/* One recording, as seen through its file. */
struct trace {
	int fd;       /* -1: not open */
	bool running; /* its recorder lives, or did when it was opened */
	struct trace_state *state;
	char path[PATH_MAX];
};

/* trace_state.c */
/* Where the files are; it is made if it is not there. Return: 0 or an exit code, already told. */
MUST_CHECK int trace_dir(const struct cli *cli, char to[PATH_MAX]);
/* The name must be one. Return: 0 or EXIT_USAGE, already told. */
MUST_CHECK int trace_name_check(const struct cli *cli, const char *name);
/* A new one, locked; back with trace_close(). Return: 0 or an exit code, already told. */
MUST_CHECK int trace_begin(const struct cli *cli, const char *name, struct trace *ret);
/* One that is there. Return: 0, -ENOENT, or another negative errno. */
MUST_CHECK int trace_open(const char *dir, const char *name, struct trace *ret);
void trace_close(struct trace *t);
/* It is not there any more. */
void trace_forget(const struct trace *t);
/* Is the recorder gone meanwhile? */
bool trace_gone(const struct trace *t);

/* trace_report.c */
/* What has become of it, for people or as an object. */
void trace_text(const struct trace *t);
json_t *trace_json(const struct trace *t);
/* "recording", "complete", "died" */
const char *trace_word(const struct trace *t);

/* recorder.c */
/* What to record, and where to. */
struct recorder_task {
	const struct cli *cli;
	const char *region;
	int fd; /* of the output */
	uint64_t bytes_max;
	struct trace_state *state;
	/* Called once, when nothing that happens from then on is missed. Return: false: never mind. */
	bool (*ready)(void *ctx);
	void *ctx;
};
/* Until SIGINT, SIGTERM, SIGHUP, or it cannot go on. Return: 0; an exit code, already told, where it has not even begun. */
MUST_CHECK int recorder_run(const struct recorder_task *task);

#endif
