/*
 * cli - what the verbs of paclient share
 *
 * Role:       options, the table of verbs, opening a handle, saying what went wrong.
 * Uses:       <paclient.h> only, as a stranger would; jansson for --json
 *
 * Exit codes are the statuses' (paclient_status_exit_code()); EXIT_USAGE for a wrong command line.
 */
#ifndef PACLIENT_CLI_H
#define PACLIENT_CLI_H

#include <paclient.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define EXIT_USAGE 2

struct source;
struct verb;

/* A plain number counts pages; with K, M, G, T (KiB, ...) it is a size in bytes, rounded up to pages. */
struct amount {
	uint64_t value;
	bool bytes;
};

/* ADDR, ADDR:NPAGES or ADDR+SIZE. How many pages that are is known when the region is. */
struct range_arg {
	uint64_t addr;
	struct amount amount;
};

/* The address of an option; 0 is one, too. */
struct address {
	bool given;
	uint64_t addr;
};

/* Texts of an option that may be repeated. */
#define TEXTS_MAX 16
struct texts {
	size_t n;
	const char *text[TEXTS_MAX];
};

/* The command line, read. */
struct cli {
	const struct verb *verb; /* NULL until it is known */

	/* Global options. */
	const char *socket;
	const char *region;
	int timeout_ms;
	bool wait_for_daemon;
	const char *from; /* a dump instead of a daemon; NULL = not given */
	bool json;
	bool no_legend;    /* no heading lines, no closing hints */
	bool quiet;        /* results alone: no hints, no progress */
	const char *color; /* auto, always, never; NULL = auto */
	bool help;
	bool version;

	/* Options of single verbs. */
	bool ascii;         /* map */
	bool realtime;      /* replay */
	bool check;         /* replay */
	bool no_progress;   /* replay */
	uint64_t clients;   /* bench; these three: 0 = not given */
	uint64_t depth;     /* bench */
	int duration_ms;    /* bench */
	const char *svg;    /* map: a file's name; NULL = not given */
	const char *html;   /* map: the same */
	uint64_t width;     /* map */
	uint64_t lines;     /* map */
	const char *prefix; /* exec */
	uint64_t scatter;   /* alloc; 0 = one extent for each size */
	bool lower;         /* resize */
	bool undo;          /* drain, reserve */
	bool wait;          /* drain, scavenge */
	bool zero;          /* alloc, exec */
	int commit;         /* alloc, exec: enum paclient_commit */
	const char
		*name; /* alloc, exec, annotate: the extent's; list: a pattern; NULL = not given */
	const char *label;      /* alloc, exec, annotate; NULL = not given */
	int wait_ms;            /* alloc, exec; 0 = not at all */
	const char *user;       /* list, handover, watch; NULL = not given */
	uint32_t uid;           /* theirs, from user_read() */
	uint64_t session;       /* list, handover, watch; 0 = not given */
	struct amount min, max; /* list; trace: max, in bytes */
	struct amount npages;   /* bench */
	const char *kinds;      /* watch; NULL = all */
	uint64_t count;         /* watch, top; 0 = without end */
	int interval_ms;        /* top; 0 = not given */
	struct texts shares;    /* exec */
	bool offline;           /* check */
	const char *textfile;   /* metrics; NULL = standard output */
	const char *report;     /* release: a file's name; NULL = not given */
	const char *output;     /* dump, trace: a file's name; NULL = not given */
	bool foreground;        /* trace */
	bool exact;             /* replay */

	/* Placement: alloc, why, fit; at: grow, too; lowest, limit: list, too. An amount of 0 is not given. */
	struct amount align;
	struct amount boundary;
	struct address lowest;
	struct address limit;
	struct address at;
	struct address near;
	const char *strategy;

	/* What is left: the verb's arguments, and the command behind "--". */
	int nargs;
	char **args;
	char **command; /* NULL = there was no "--" */
};

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char *, not empty */
	OPTION_CHOICE,   /* const char *, one of the words of the metavar */
	OPTION_WORDING,  /* const char *, may be empty */
	OPTION_TEXTS,    /* struct texts: the option may be repeated */
	OPTION_DURATION, /* int, milliseconds */
	OPTION_COUNT,    /* uint64_t, from 1 */
	OPTION_AMOUNT,   /* struct amount, from 1 */
	OPTION_ADDRESS,  /* struct address */
	OPTION_COMMIT,   /* int, enum paclient_commit; the value may be left out */
};

struct option_spec {
	const char *name;    /* "--json" */
	const char *metavar; /* "PATH"; NULL for a flag */
	const char *help;
	enum option_kind kind;
	size_t offset; /* in struct cli */
};

struct verb {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *summary;
	const char *help; /* paragraphs, wrapped by hand */
	const struct option_spec *options;
	size_t noptions;
	int (*run)(struct cli *cli); /* returns the exit code */
};

/* verbs.c: the table that parsing, help and completion read. */
extern const struct verb verbs[];
extern const size_t nverbs;
extern const struct option_spec global_options[];
extern const size_t nglobal_options;
const struct verb *verb_find(const char *name);
/* It only reads: --from can be given. Some of what it does may need a daemon all the same. */
bool verb_reads(const struct verb *v);

/* help.c */
void help_program(void);
void help_verb(const struct verb *v);

/* options.c */
/* The option that @arg names, alone or before a "="; of the verb if that is known, or global. NULL = there is none. */
const struct option_spec *option_find(const struct cli *cli, const char *arg);
/* Return: 0 or EXIT_USAGE, already told. @argv is rearranged. */
MUST_CHECK int options_parse(struct cli *cli, int argc, char **argv);

/* numbers.c: each reads all of @text. Return: NULL, or what is wrong with it. */
const char *number_parse(const char *text, uint64_t *ret);
const char *duration_parse(const char *text, int *ret_ms);
const char *amount_parse(const char *text, struct amount *ret);
const char *amount_npages(const struct amount *a, uint64_t page_size_bytes, uint64_t *ret);

/* user.c */
/* The user that --user names, if it is given, becomes its number. Return: 0 or an exit code, already told. */
MUST_CHECK int user_read(struct cli *cli);
#define USER_TEXT_BYTES 64
/* The user's name, or the number of one that has none. */
const char *user_text(uint32_t uid, char *to);
/* "uid" and "user" of an object. */
void user_json(json_t *object, uint32_t uid);

/* view.c: extents as others see them */
void view_heading(const struct cli *cli);
void view_line(const struct paclient_extent *x, uint64_t page_size_bytes);
json_t *view_json(const struct paclient_extent *x, uint64_t page_size_bytes);
/* The same with "region" and "page_size_bytes". */
json_t *view_result(const struct paclient_region *r, const struct paclient_extent *x);
/*
 * What a verb has to do with one extent of a region, which is named by its first address or by its name; the next argument
 * after the region. Return: exit code.
 */
int view_run(struct cli *cli, int (*run)(struct cli *cli, paclient *pa,
					 const struct paclient_region *r, uint64_t addr));

/* range.c */
/* Return: NULL, or what is wrong; @text is as before. */
const char *range_parse(char *text, struct range_arg *ret);
/* One range among the arguments. Return: 0 or EXIT_USAGE, already told. */
MUST_CHECK int range_read(const struct cli *cli, char *text, struct range_arg *ret);
#define RANGE_TEXT_BYTES 48
/* "0x1000:4", as range_parse() reads it. */
const char *range_text(const struct paclient_range *range, char *to);
/* "addr" and "npages"; and with "bytes" as well. */
json_t *range_json(const struct paclient_range *range);
json_t *extent_json(const struct paclient_range *range, uint64_t page_size_bytes);
json_t *ranges_json(const struct paclient_range *ranges, size_t n);
/* What a verb has to do with one range of a region. Return: exit code. */
int range_run(struct cli *cli,
	      int (*run)(struct cli *cli, paclient *pa, const struct paclient_region *r,
			 const struct paclient_range *range));
/* "region", "page_size_bytes", and of the range "addr", "npages", "bytes". */
json_t *range_result(const struct paclient_region *r, const struct paclient_range *range);

/* runs.c */
/* The runs of free pages; @ret->size is 0 where the daemon is too old to count them, or the region is closed. Return: 0 or an exit code, already told. */
MUST_CHECK int runs_get(const struct cli *cli, struct source *src, uint32_t region_id,
			struct paclient_free_runs *ret);
void runs_table(const struct cli *cli, const struct paclient_free_runs *runs,
		uint64_t page_size_bytes);
/* An array, up to the longest length that there is; null for what runs_get() could not get. */
json_t *runs_json(const struct paclient_free_runs *runs);
void fragmentation_line(uint64_t ppm);
/* In so many extents npages fit for certain; 0 = not at all. */
uint64_t runs_extents(const struct paclient_free_runs *runs, uint64_t npages);

/* out.c */
PRINTF_LIKE(2, 3) int usage_error(const struct cli *cli, const char *fmt, ...);
/* Say why the call failed. Return: the status' exit code. */
int call_error(const struct cli *cli, const struct paclient_error *e);
PRINTF_LIKE(2, 3) int system_error(const struct cli *cli, const char *fmt, ...);
/* Write a JSON object to standard output and drop it. Return: exit code. */
int json_out(const struct cli *cli, json_t *object);
json_t *json_addr(uint64_t addr);
json_t *json_count(uint64_t n);
/* null where there is none. */
json_t *json_text(const char *text);
/* Flush standard output. Return: exit code. */
int out_end(const struct cli *cli);
#define SIZE_TEXT_BYTES 32
/* "1.5 GiB"; exact where it can be said exactly in four digits, else rounded. */
const char *size_text(uint64_t bytes, char *to);
#define TIME_TEXT_BYTES 32
/* "350ms", "12s", "5min", "7h", "12d": rounded down. */
const char *time_text(uint64_t usec, char *to);
/* May more than ASCII be shown? Asked only where it is of use: reading the locale takes longer than an alloc. */
bool terminal_utf8(void);
/* "0.0" to "100.0" and beyond. */
double percent(uint64_t part, uint64_t whole);
/* The bytes of npages pages; UINT64_MAX where they do not fit. */
uint64_t pages_bytes(uint64_t npages, uint64_t page_size_bytes);
/* A line above a table, unless --no-legend is given. */
PRINTF_LIKE(2, 3) void heading(const struct cli *cli, const char *fmt, ...);
PRINTF_LIKE(2, 3) void key_value(const char *key, const char *fmt, ...);
void pages_line(const char *key, uint64_t npages, uint64_t page_size_bytes);

/* open.c */
const char *cli_socket(const struct cli *cli);
/* With --from, @what, which needs a daemon, is refused. Return: 0 or EXIT_USAGE, already told. */
MUST_CHECK int cli_live_only(const struct cli *cli, const char *what);
/* A handle. Return: 0 or an exit code, already told. */
MUST_CHECK int cli_open(const struct cli *cli, paclient **ret);
void call_init(const struct cli *cli, struct paclient_call *call);
/* The region's name: --region or the next argument, which is taken. Return: NULL where there is none. */
const char *cli_region_take(struct cli *cli);
/* The same with its data; @ret->size need not be set. Return: 0 or an exit code, already told. */
MUST_CHECK int cli_region(struct cli *cli, paclient *pa, const char *name,
			  struct paclient_region *ret);
/* What --name, --label, --wait, --zero and --commit say about extents that are taken; @call waits as long. */
void cli_alloc_options(const struct cli *cli, struct paclient_alloc_options *options,
		       struct paclient_call *call);
/* A size among the arguments, from 1. Return: 0 or EXIT_USAGE, already told. */
MUST_CHECK int cli_amount(const struct cli *cli, const char *text, struct amount *ret);
/* Pages that somebody holds. */
uint64_t region_used(const struct paclient_region *r);
void paclient_closep(paclient **pa);

/* placement.c */
/* What --strategy may be, from 0; NULL behind the last. */
const char *strategy_name(size_t i);
/* The first half needs no daemon. Each returns 0 or EXIT_USAGE, already told. */
MUST_CHECK int placement_check(const struct cli *cli);
/* @ret_where: @to, or NULL where no option asks for a placement. */
MUST_CHECK int placement_get(const struct cli *cli, const struct paclient_region *r,
			     struct paclient_placement *to,
			     const struct paclient_placement **ret_where);

/* What why asks about; fit, too. */
struct question {
	struct source *src;
	struct paclient_region region;
	uint64_t npages;
	struct paclient_placement placement;
	const struct paclient_placement *where; /* NULL = anywhere */
};

/* remedy.c: what would make an extent fit that does not. */
struct remedies {
	bool another_address;   /* without --at */
	bool without_alignment; /* without --align and --boundary */
	bool without_bounds;    /* without --lowest and --limit */
	bool without_placement; /* without any of them: one alone is not enough */
	uint64_t align_npages;  /* with this alignment, the largest that fits; 0 = none known */
	uint64_t grow_npages;   /* after the region has grown by so much; 0 = none known */
	uint64_t extents;       /* in so many extents; 0 = none known */
	/* With so many pages fewer in use in the quota that is short; 0 = not, or not alone. */
	uint64_t quota_npages;
	uint64_t quota_limit_npages; /* of that quota; 0 = none is short */
	bool detached; /* a detached extent would not count in it, and no other quota is short */
};
/* Return: 0 or an exit code, already told. */
MUST_CHECK int remedies_find(const struct cli *cli, const struct question *q,
			     const struct paclient_why *w, struct remedies *ret);
void remedies_text(const struct cli *cli, const struct question *q, const struct paclient_why *w,
		   const struct remedies *r);
json_t *remedies_json(const struct remedies *r);

/* What `paclient completion` prints; made from completion/ by the build. NULL as the shell ends the list. */
struct completion_script {
	const char *shell;
	const unsigned char *text;
	size_t nbytes;
};
extern const struct completion_script completion_scripts[];

/* One file per group of verbs. */
int cmd_regions(struct cli *cli);
int cmd_info(struct cli *cli);
int cmd_alloc(struct cli *cli);
int cmd_free(struct cli *cli);
int cmd_resize(struct cli *cli);
int cmd_split(struct cli *cli);
int cmd_join(struct cli *cli);
int cmd_grow(struct cli *cli);
int cmd_shrink(struct cli *cli);
int cmd_drain(struct cli *cli);
int cmd_reserve(struct cli *cli);
int cmd_stat(struct cli *cli);
int cmd_ping(struct cli *cli);
int cmd_map(struct cli *cli);
int cmd_scavenge(struct cli *cli);
int cmd_read(struct cli *cli);
int cmd_write(struct cli *cli);
int cmd_replay(struct cli *cli);
int cmd_trace(struct cli *cli);
int cmd_bench(struct cli *cli);
int cmd_exec(struct cli *cli);
int cmd_why(struct cli *cli);
int cmd_fit(struct cli *cli);
int cmd_lookup(struct cli *cli);
int cmd_list(struct cli *cli);
int cmd_annotate(struct cli *cli);
int cmd_release(struct cli *cli);
/* cmd_report.c: release --from-report */
int report_run(struct cli *cli);
int cmd_check(struct cli *cli);
int cmd_handover(struct cli *cli);
int cmd_sessions(struct cli *cli);
int cmd_quotas(struct cli *cli);
int cmd_watch(struct cli *cli);
int cmd_top(struct cli *cli);
int cmd_completion(struct cli *cli);
int cmd_metrics(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_dump(struct cli *cli);
int cmd_help(struct cli *cli);

#endif
