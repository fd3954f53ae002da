/*
 * verbs - the table of verbs and options
 *
 * Role:       the one place that says what the command line may hold; parsing, --help and the manual's test read it.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <string.h>

#define IN(field) offsetof(struct cli, field)

const struct option_spec global_options[] = {
	{"--socket", "PATH", "where the daemon listens", OPTION_TEXT, IN(socket)},
	{"--region", "NAME", "the region; then no REGION argument is given", OPTION_TEXT,
	 IN(region)},
	{"--timeout", "DURATION", "of each request: 500ms, 5s (the default), 1min", OPTION_DURATION,
	 IN(timeout_ms)},
	{"--wait-for-daemon", NULL, "if none answers yet, at most for the timeout", OPTION_FLAG,
	 IN(wait_for_daemon)},
	{"--from", "FILE", "from a dump, not from a daemon; - is standard input", OPTION_TEXT,
	 IN(from)},
	{"--json", NULL, "results and errors as JSON", OPTION_FLAG, IN(json)},
	{"--no-legend", NULL, "no heading lines, no closing hints", OPTION_FLAG, IN(no_legend)},
	{"--quiet", NULL, "results alone: no hints, no progress", OPTION_FLAG, IN(quiet)},
	{"--color", "auto|always|never", "colours; auto: on a terminal, unless NO_COLOR is set",
	 OPTION_CHOICE, IN(color)},
	{"--help", NULL, "this text, or a verb's", OPTION_FLAG, IN(help)},
	{"--version", NULL, "the version of this program", OPTION_FLAG, IN(version)},
};
const size_t nglobal_options = ARRAY_SIZE(global_options);

static const struct option_spec map_options[] = {
	{"--width", "N", "cells per line; default: what fits the terminal", OPTION_COUNT,
	 IN(width)},
	{"--lines", "N", "lines at most; default 16", OPTION_COUNT, IN(lines)},
	{"--lowest", "ADDR", "from there on", OPTION_ADDRESS, IN(lowest)},
	{"--limit", "ADDR", "up to there", OPTION_ADDRESS, IN(limit)},
	{"--svg", "FILE", "a picture for a document; - is standard output", OPTION_TEXT, IN(svg)},
	{"--html", "FILE", "a page to zoom into and to search; - is standard output", OPTION_TEXT,
	 IN(html)},
	{"--ascii", NULL, "no characters beyond ASCII", OPTION_FLAG, IN(ascii)},
};

static const struct option_spec replay_options[] = {
	{"--realtime", NULL, "at the times of the recording, not as fast as possible", OPTION_FLAG,
	 IN(realtime)},
	{"--check", NULL, "verify every address, and that all comes back", OPTION_FLAG, IN(check)},
	{"--exact", NULL, "at the addresses that were recorded", OPTION_FLAG, IN(exact)},
	{"--no-progress", NULL, "no progress bar", OPTION_FLAG, IN(no_progress)},
};

static const struct option_spec trace_options[] = {
	{"--output", "FILE", "start: what to write; it must not be there yet", OPTION_TEXT,
	 IN(output)},
	{"--name", "NAME", "of the recording; default: the region's", OPTION_TEXT, IN(name)},
	{"--max-bytes", "SIZE", "start: end when the file is so long", OPTION_AMOUNT, IN(max)},
	{"--foreground", NULL, "start: record here, until SIGINT or SIGTERM", OPTION_FLAG,
	 IN(foreground)},
};

static const struct option_spec bench_options[] = {
	{"--npages", "N|SIZE", "of each extent; default 1", OPTION_AMOUNT, IN(npages)},
	{"--clients", "N", "connections; default 1", OPTION_COUNT, IN(clients)},
	{"--depth", "N", "requests in flight on each; default 1", OPTION_COUNT, IN(depth)},
	{"--duration", "DURATION", "for so long; default 2s", OPTION_DURATION, IN(duration_ms)},
};

static const struct option_spec exec_options[] = {
	{"--prefix", "PREFIX", "of the variables in the environment; default PACLIENT", OPTION_TEXT,
	 IN(prefix)},
	{"--share", "REGION:NAME", "hold the extent of that name, too; may be repeated",
	 OPTION_TEXTS, IN(shares)},
	{"--name", "NAME", "of the extent, for others to find", OPTION_TEXT, IN(name)},
	{"--label", "TEXT", "of the extent, for people", OPTION_TEXT, IN(label)},
	{"--wait", "DURATION", "for space, if there is none", OPTION_DURATION, IN(wait_ms)},
	{"--zero", NULL, "it reads as zeros", OPTION_FLAG, IN(zero)},
	{"--commit", "[=now|lazy]", "memory now, or when it is touched", OPTION_COMMIT, IN(commit)},
};

/* fit counts places and wants none: it knows only the first ones. The last ones are alloc's alone. */
static const struct option_spec placement_options[] = {
	{"--align", "N|SIZE", "begin at a multiple of so much, a power of two", OPTION_AMOUNT,
	 IN(align)},
	{"--boundary", "N|SIZE", "cross no multiple of so much, a power of two", OPTION_AMOUNT,
	 IN(boundary)},
	{"--lowest", "ADDR", "no page below", OPTION_ADDRESS, IN(lowest)},
	{"--limit", "ADDR", "no page reaches beyond", OPTION_ADDRESS, IN(limit)},
	{"--at", "ADDR", "begin there, or fail; for one extent", OPTION_ADDRESS, IN(at)},
	{"--near", "ADDR", "begin there if that can be; for one extent", OPTION_ADDRESS, IN(near)},
	{"--strategy", "WHICH", "of the places: first (lowest; the default), last, best",
	 OPTION_TEXT, IN(strategy)},
	{"--scatter", "K", "in up to K extents, each printed as ADDR:NPAGES", OPTION_COUNT,
	 IN(scatter)},
	{"--name", "NAME", "of the one extent, unique in the region", OPTION_TEXT, IN(name)},
	{"--label", "TEXT", "of the extents, for people", OPTION_TEXT, IN(label)},
	{"--wait", "DURATION", "for space, if there is none", OPTION_DURATION, IN(wait_ms)},
	{"--zero", NULL, "the pages read as zeros", OPTION_FLAG, IN(zero)},
	{"--commit", "[=now|lazy]", "memory now, or when it is touched; default: the region's",
	 OPTION_COMMIT, IN(commit)},
};
#define NPLACEMENT_FIT_OPTIONS 4
#define NPLACEMENT_WHY_OPTIONS 7

static const struct option_spec resize_options[] = {
	{"--lower", NULL, "the lower edge moves, not the upper one", OPTION_FLAG, IN(lower)},
};

static const struct option_spec grow_options[] = {
	{"--at", "ADDR", "from there on, not at the upper end", OPTION_ADDRESS, IN(at)},
};

static const struct option_spec drain_options[] = {
	{"--undo", NULL, "the range may be used again", OPTION_FLAG, IN(undo)},
	{"--wait", NULL, "until nothing is left there, at most for the timeout", OPTION_FLAG,
	 IN(wait)},
};

static const struct option_spec scavenge_options[] = {
	{"--wait", NULL, "until it is done, at most for the timeout", OPTION_FLAG, IN(wait)},
};

static const struct option_spec reserve_options[] = {
	{"--undo", NULL, "the range is a hole no longer", OPTION_FLAG, IN(undo)},
};

static const struct option_spec list_options[] = {
	{"--session", "ID", "held or shared by this session", OPTION_COUNT, IN(session)},
	{"--user", "NAME|UID", "held by this user, or a session of theirs", OPTION_TEXT, IN(user)},
	{"--name", "PATTERN", "with such a name, as a shell matches: *, ?, [...]", OPTION_TEXT,
	 IN(name)},
	{"--lowest", "ADDR", "that begin there or above", OPTION_ADDRESS, IN(lowest)},
	{"--limit", "ADDR", "that begin below", OPTION_ADDRESS, IN(limit)},
	{"--min", "N|SIZE", "no shorter than that", OPTION_AMOUNT, IN(min)},
	{"--max", "N|SIZE", "no longer than that", OPTION_AMOUNT, IN(max)},
};

static const struct option_spec annotate_options[] = {
	{"--name", "NAME", "the new one; '' takes it away", OPTION_WORDING, IN(name)},
	{"--label", "TEXT", "the new one; '' takes it away", OPTION_WORDING, IN(label)},
};

static const struct option_spec check_options[] = {
	{"--offline", NULL, "the store of a daemon that does not run, by `pallocd --check-store`",
	 OPTION_FLAG, IN(offline)},
};

static const struct option_spec release_options[] = {
	{"--from-report", "FILE", "free what check --json has listed; - is standard input",
	 OPTION_TEXT, IN(report)},
};

static const struct option_spec handover_options[] = {
	{"--session", "ID", "to this session: of your user, or one that takes from others",
	 OPTION_COUNT, IN(session)},
	{"--user", "NAME|UID", "to this user, detached; others than you need the right admin",
	 OPTION_TEXT, IN(user)},
};

static const struct option_spec watch_options[] = {
	{"--kind", "K,K", "of these kinds alone", OPTION_TEXT, IN(kinds)},
	{"--user", "NAME|UID", "about this user alone", OPTION_TEXT, IN(user)},
	{"--session", "ID", "about this session alone", OPTION_COUNT, IN(session)},
	{"--count", "N", "end after so many", OPTION_COUNT, IN(count)},
};

static const struct option_spec top_options[] = {
	{"--interval", "DURATION", "between two looks; default 2s", OPTION_DURATION,
	 IN(interval_ms)},
	{"--count", "N", "end after so many looks", OPTION_COUNT, IN(count)},
	{"--ascii", NULL, "no characters beyond ASCII", OPTION_FLAG, IN(ascii)},
};

static const struct option_spec metrics_options[] = {
	{"--textfile", "PATH", "into this file, in one step, for a collector of such files",
	 OPTION_TEXT, IN(textfile)},
};

static const struct option_spec dump_options[] = {
	{"--output", "FILE", "into this file, not to standard output", OPTION_TEXT, IN(output)},
};

#define PLACEMENT_HELP                                                                             \
	"Alignment and boundary are pages, or bytes with K, M, G or T, and count from address 0. " \
	"All\noptions given must hold.\n"

#define OPTIONS(table) table, ARRAY_SIZE(table)

const struct verb verbs[] = {
	{"regions", "", "list the regions", "Sizes count pages times page size.\n", NULL, 0,
	 cmd_regions},
	{"info", "REGION", "one region: its ranges, holes and free runs", "", NULL, 0, cmd_info},
	{"alloc", "REGION NPAGES|SIZE...", "take extents and print their addresses",
	 "The extents are detached: they stay with your user until `paclient free` gives them\n"
	 "back. Several sizes are one request: all of them or none. A plain number counts pages,\n"
	 "one with K, M, G or T is a size in bytes and rounded up to pages.\n"
	 "To hold pages only while something runs, use `paclient exec`.\n"
	 "--strategy best takes the shortest run of free pages that fits, in a region that keeps\n"
	 "books for it. --scatter prints a line for each extent that `paclient free` takes as it "
	 "is.\n"
	 "With --wait those who wait get space first come, first served; the exit code is 4 if "
	 "the\n"
	 "time is up before.\n"
	 "With --commit the exit code is 1 (NO_MEMORY) if there is no memory to put behind the "
	 "pages.\n" PLACEMENT_HELP,
	 OPTIONS(placement_options), cmd_alloc},
	{"why", "REGION NPAGES|SIZE", "where an extent would go, or why it does not fit",
	 "Nothing changes. Exit code 0 if it fits, perhaps after the region has grown, 4 if not.\n"
	 "A size in bytes is rounded up to pages.\n" PLACEMENT_HELP,
	 placement_options, NPLACEMENT_WHY_OPTIONS, cmd_why},
	{"fit", "REGION NPAGES|SIZE", "how many such extents fit now",
	 "Counted side by side from the lowest place up, without growing the region. Nothing\n"
	 "changes. A size in bytes is rounded up to pages.\n" PLACEMENT_HELP,
	 placement_options, NPLACEMENT_FIT_OPTIONS, cmd_fit},
	{"free", "REGION ADDR[:NPAGES|+SIZE]...", "give pages back",
	 "ADDR alone is one page, ADDR:NPAGES so many pages, ADDR+SIZE so many bytes (K, M, G, "
	 "T),\n"
	 "rounded up to pages. All ranges are one request: all of them or none. A range may be a\n"
	 "part of an extent or span several that touch.\n",
	 NULL, 0, cmd_free},
	{"resize", "REGION ADDR NPAGES|SIZE", "give an extent another length where it is",
	 "ADDR is where the extent begins. It gets free pages beside it, or gives pages back, at "
	 "its\n"
	 "upper edge. Prints it as ADDR:NPAGES.\n",
	 OPTIONS(resize_options), cmd_resize},
	{"split", "REGION ADDR", "make two extents of one",
	 "The upper one begins at ADDR. Prints both as ADDR:NPAGES. Parts of an extent can be "
	 "freed\n"
	 "without this; it is for those that shall be resized by themselves.\n",
	 NULL, 0, cmd_split},
	{"join", "REGION ADDR:NPAGES|+SIZE", "make one extent of those that touch",
	 "The range must begin and end where extents do, and all must have one owner. Prints the\n"
	 "extent as ADDR:NPAGES.\n",
	 NULL, 0, cmd_join},
	{"grow", "REGION NPAGES|SIZE", "add address space to a region",
	 "Rounded up by the daemon to 512 pages or to the region's limit.\n", OPTIONS(grow_options),
	 cmd_grow},
	{"shrink", "REGION NPAGES|SIZE|ADDR:NPAGES", "take unused address space out of a region",
	 "Whole chunks of 512 pages, counted from the base: those among the highest NPAGES pages, "
	 "or\n"
	 "those in the range. If extents are in the way nothing changes, and the first of them "
	 "are\n"
	 "named; `paclient drain` keeps new ones out.\n",
	 NULL, 0, cmd_shrink},
	{"drain", "REGION ADDR:NPAGES|+SIZE", "place nothing new in a range",
	 "Says what still lies there; who holds it keeps it. Asked again it says what is left "
	 "then.\n"
	 "With --wait the exit code is 0 when nothing is left, 7 if the time was up before.\n",
	 OPTIONS(drain_options), cmd_drain},
	{"reserve", "REGION ADDR:NPAGES|+SIZE", "make a hole that nobody may ever get",
	 "Grown or not: what grows there later is a hole, too.\n", OPTIONS(reserve_options),
	 cmd_reserve},
	{"scavenge", "REGION [NPAGES|SIZE]", "give memory behind free pages back to the system",
	 "About so much, or all of it, whatever is otherwise kept for those who come. With --wait "
	 "it prints how much it was, else it returns when that has begun.\n",
	 OPTIONS(scavenge_options), cmd_scavenge},
	{"read", "REGION ADDR[:NPAGES|+SIZE]|NAME", "print the memory of an extent",
	 "From where an extent begins, all of it or so many pages or bytes, to standard output, "
	 "which\n"
	 "may not be a terminal.\n",
	 NULL, 0, cmd_read},
	{"write", "REGION ADDR[:NPAGES|+SIZE]|NAME", "fill the memory of an extent",
	 "From standard input, from where an extent begins up to its end, or so many pages or "
	 "bytes. It\n"
	 "is an error if there is more. Whose the extent is, is not looked at: the right "
	 "attach-rw is\n"
	 "enough.\n",
	 NULL, 0, cmd_write},
	{"lookup", "REGION NAME", "where the extent of that name is",
	 "Prints it as ADDR:NPAGES, which `paclient free` takes as it is.\n", NULL, 0, cmd_lookup},
	{"list", "REGION", "extents: whose they are, and what they are called",
	 "In order of address. All options given must hold; without any all extents are listed.\n"
	 "STATE is session, detached (the user's), or quarantine (the session has ended, and the\n"
	 "pages will be free in a while). HOLDERS counts the owner and those who share.\n",
	 OPTIONS(list_options), cmd_list},
	{"annotate", "REGION ADDR|NAME", "name and label an extent",
	 "ADDR is where the extent begins. What is not given stays as it is. Prints what the "
	 "extent\n"
	 "is then, as `paclient list` does.\n",
	 OPTIONS(annotate_options), cmd_annotate},
	{"release", "REGION ADDR|NAME | --from-report FILE", "let go of an extent, or a list",
	 "If others hold it, too, it becomes theirs; otherwise its pages are free. Works on what "
	 "is\n"
	 "detached to you; `paclient exec --share` releases by itself what it shares.\n"
	 "With --from-report it frees the extents of a report, which must be yours or need the "
	 "right\n"
	 "free-any. Each is looked at first: what is not exactly as the report says any more, is\n"
	 "shared, or is a session's that is connected, is skipped, with a line that says why. "
	 "Exit code\n"
	 "0 if all were freed, 6 if some were skipped. A report that cannot be read is told with "
	 "its\n"
	 "line (2), and nothing is freed.\n",
	 OPTIONS(release_options), cmd_release},
	{"handover", "REGION ADDR|NAME", "give an extent another owner",
	 "Name and label go with it. It counts in the new owner's quotas from then on.\n",
	 OPTIONS(handover_options), cmd_handover},
	{"sessions", "[REGION] | kill ID", "who is there and what they hold, or end one",
	 "Your user's sessions; those of all users for root and the daemon's own user. With a\n"
	 "region only what they hold there counts. kill ends one at once, without grace; what it\n"
	 "held goes the way that the region's death policy says. A region named kill is given as\n"
	 "--region.\n",
	 NULL, 0, cmd_sessions},
	{"quotas", "[REGION]", "what you may use, and use",
	 "With a region its quotas are listed, too. Those of a session are of sessions like that "
	 "of\n"
	 "this command, which holds nothing.\n",
	 NULL, 0, cmd_quotas},
	{"watch", "[REGION]", "print what happens, as it happens",
	 "A line for each event, or with --json an object on a line, until you interrupt it. With "
	 "a\n"
	 "region only its events. Nobody waits for you: where this is read too slowly events are\n"
	 "lost, and a line \"lost\" says how many, as one does where the daemon was started "
	 "again.\n"
	 "Kinds: alloc, free, grow, shrink, "
	 "session-open,\n"
	 "session-grace, session-resume, session-end, space-low, space-ok, quota, handover, "
	 "reclaim.\n",
	 OPTIONS(watch_options), cmd_watch},
	{"top", "[REGION]", "what is going on, and who holds most, again and again",
	 "Regions with their rates since the last look, and sessions or users by what they hold.\n"
	 "On a terminal until you press q; ? says what other keys do. Where the output is no\n"
	 "terminal one picture follows the other, and with --json an object on a line. A daemon "
	 "that\n"
	 "is started again is waited for.\n",
	 OPTIONS(top_options), cmd_top},
	{"check", "[REGION] | --offline [-- OPTION...]", "is all sound, and what may be forgotten",
	 "The daemon recounts the region, or all where you have the right admin, and compares "
	 "them\n"
	 "with what it has written down; others wait meanwhile. Then a table of the extents that "
	 "nobody\n"
	 "seems to look after: detached ones of users who have no session (but this command's), "
	 "and\n"
	 "those of sessions in grace or quarantine. With --json it is a report for `paclient "
	 "release\n"
	 "--from-report`. Exit code 1 if something is broken; unattended extents alone are none.\n"
	 "With --offline pallocd looks at the store of a daemon that does not run; behind -- "
	 "stand its\n"
	 "options: --config, --region, --store-dir, --state-dir. Exit code 1 if it is not sound.\n",
	 OPTIONS(check_options), cmd_check},
	{"stat", "[REGION]", "counters of the daemon, or of a region",
	 "Of a region also how its free pages are cut up: the runs by length, and the share of "
	 "the\n"
	 "free pages that lie outside of the longest run.\n",
	 NULL, 0, cmd_stat},
	{"dump", "[REGION]", "all that verbs read, as a file for later",
	 "Of the daemon and of each region, or of the one that is named: settings, counters, "
	 "ranges,\n"
	 "extents, sessions, users and quotas, as you may see them. --from FILE answers from it "
	 "what\n"
	 "the daemon would have answered then, with regions, info, why, fit, lookup, list, "
	 "sessions,\n"
	 "quotas, check, stat, metrics and map. Each region is read until nothing has changed "
	 "meanwhile;\n"
	 "where that does not come to pass it is told, in the file and on standard error.\n",
	 OPTIONS(dump_options), cmd_dump},
	{"metrics", "", "all counters as OpenMetrics text",
	 "Of the daemon, of each region, and of the users that you may see: all of them for root "
	 "and "
	 "the\n"
	 "daemon's own user. --textfile writes what the textfile collector of Prometheus' node "
	 "exporter\n"
	 "reads, which wants a name that ends in .prom: counters are described there by their "
	 "whole "
	 "name,\n"
	 "with _total. If no daemon answers the file says pallocd_up 0 and nothing else, and the "
	 "exit code\n"
	 "is 3.\n",
	 OPTIONS(metrics_options), cmd_metrics},
	{"doctor", "", "is this host fit for the daemon, and what to do if not",
	 "Looks at the socket, who may use it, versions, limits, huge pages, regions, and where "
	 "systemd\n"
	 "runs at the units; changes nothing. But the first connection to a socket unit starts the "
	 "daemon.\n"
	 "Each finding comes with its remedy. Exit code 0 if there is none, 1 if there are some; "
	 "notes and\n"
	 "what could not be looked at are no findings.\n",
	 NULL, 0, cmd_doctor},
	{"map", "[REGION]", "a picture of which pages are in use, and whose they are",
	 "Each character stands for as many pages as the last lines say. Where there are colours "
	 "they say\n"
	 "whose most of these pages are. Without a region it is a line for each. --svg and --html "
	 "show\n"
	 "each extent; the page needs nothing but a browser.\n",
	 OPTIONS(map_options), cmd_map},
	{"trace", "start|stop|status [REGION]", "record a workload on the live daemon",
	 "start records what is taken and given back in a region, and what was held before, into a "
	 "file\nfor `paclient replay`. It returns when nothing that happens from then on is "
	 "missed, "
	 "and the\nrecorder goes on in the background until stop, which waits until the file is "
	 "complete. Several\nmay run at once, by names. The region may be left out where there is "
	 "only one; so may what to\nstop. Nobody waits for the recorder: what it loses is marked "
	 "in "
	 "the file, as are restarts of the\ndaemon, and made up for. A disk that is full ends it; "
	 "what is in the file then can be replayed.\n",
	 OPTIONS(trace_options), cmd_trace},
	{"replay", "REGION FILE", "replay a recorded workload and time it",
	 "FILE holds lines \"T open S\", \"T alloc S ID NPAGES\", \"T free S ID FIRST NPAGES\" "
	 "and\n"
	 "\"T close S\"; \"-\" is standard input. Each session has a connection of its own. The "
	 "file\n"
	 "is checked as a whole before the first request. --check wants a region that nobody else\n"
	 "uses meanwhile, and waits as long as --timeout says for all to come back. Ends with the\n"
	 "exit code of the first failure.\n",
	 OPTIONS(replay_options), cmd_replay},
	{"bench", "REGION", "take and give back as fast as possible, and time it",
	 "Pairs of an alloc and a free, of sessions of its own. Nobody is refused because of it: "
	 "it "
	 "does\nnot begin where its extents do not fit the free pages side by side, and it does "
	 "not "
	 "make the\nregion grow. Nothing stays when it ends, on SIGINT and SIGTERM, too (exit code "
	 "130). It ends with\nthe first request that fails.\n",
	 OPTIONS(bench_options), cmd_bench},
	{"exec", "[REGION NPAGES|SIZE] -- COMMAND...", "hold extents while a command runs",
	 "The command finds it in its environment: PACLIENT_ADDR, PACLIENT_NPAGES, "
	 "PACLIENT_BYTES,\n"
	 "PACLIENT_PAGE_SIZE, PACLIENT_REGION, PACLIENT_SOCKET (with --prefix X: X_ADDR and so on, "
	 "so\n"
	 "that one exec may run another), and the session that holds it in PACLIENT_SESSION. It "
	 "goes\n"
	 "back when the command ends.\n"
	 "With --share the command also holds what others have taken, and keeps it if they let "
	 "go:\n"
	 "PACLIENT_SHARE1_ADDR and so on for the first. Then it need not take any of its own.\n"
	 "SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on. The exit code is the command's, "
	 "128+N\n"
	 "if signal N ended it, 126 or 127 if it could not be started. The daemon may be started\n"
	 "again meanwhile; where it then does not know what is held, the command is sent SIGTERM,\n"
	 "and the exit code is 3.\n",
	 OPTIONS(exec_options), cmd_exec},
	{"ping", "", "ask whether the daemon answers", "", NULL, 0, cmd_ping},
	{"completion", "bash|zsh|fish | words -- WORD...", "the script that completes this command",
	 "For the running shell: `source <(paclient completion bash)`, the same with zsh, or\n"
	 "`paclient completion fish | source`. words is what these scripts ask: what the last WORD "
	 "of a\n"
	 "command line, without the program's name, may become. Regions and names are asked of the "
	 "daemon.\n",
	 NULL, 0, cmd_completion},
	{"help", "[VERB]", "what --help says", "", NULL, 0, cmd_help},
};
const size_t nverbs = ARRAY_SIZE(verbs);

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < nverbs; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

bool verb_reads(const struct verb *v)
{
	static int (*const readers[])(struct cli *) = {
		cmd_regions,  cmd_info,   cmd_why,   cmd_fit,  cmd_lookup,  cmd_list,
		cmd_sessions, cmd_quotas, cmd_check, cmd_stat, cmd_metrics, cmd_map,
	};

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (readers[i] == v->run)
			return true;
	}
	return false;
}
