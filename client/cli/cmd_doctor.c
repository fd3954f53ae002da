/*
 * cmd_doctor - the verb doctor
 *
 * Role:       asks everybody, and tells what they have to say.
 * Uses:       cli.h, doctor.h
 */
#include "client/cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define EXIT_FINDINGS 1

static const char *const verdict_names[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_NOTE] = "note",
	[VERDICT_FINDING] = "finding",
	[VERDICT_SKIPPED] = "skipped",
};

void tell(struct doctor *d, enum verdict verdict, const char *check, const char *remedy,
	  const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	d->nfindings += verdict == VERDICT_FINDING;
	if (d->checks) {
		json_array_append_new(d->checks,
				      json_pack("{s:s, s:s, s:o, s:o}", "check", check, "verdict",
						verdict_names[verdict], "text", json_text(text),
						"remedy", json_text(remedy ? remedy : "")));
		return;
	}
	printf("%-8s %s: %s\n", verdict_names[verdict], check, text);
	if (remedy && !d->cli->quiet)
		printf("         remedy: %s\n", remedy);
}

/* What to do where a daemon should answer, and none does. */
static const char *daemon_remedy(const struct doctor *d, int status)
{
	switch (status) {
	case PACLIENT_OVERLOADED:
		return "`paclient sessions` as root shows whose connections they are; raise "
		       "MaxConnections= in pallocd.conf and LimitNOFILE= of the unit";
	case PACLIENT_TIMED_OUT:
		return d->booted ? "see `systemctl status pallocd.service`; `systemctl restart "
				   "pallocd.service` keeps what is held"
				 : "see what pallocd is doing; started again it knows what is held";
	case PACLIENT_VERSION:
		return "install command, library and daemon of one version";
	case PACLIENT_QUOTA:
		return "end some of your programs, or raise UserSessions= and UserConnections= in "
		       "pallocd.conf";
	default:
		return d->booted ? "`systemctl restart pallocd.socket`, then `journalctl -x -u "
				   "pallocd.service` if that does not help"
				 : "start pallocd with this --socket";
	}
}

/* The connection itself; without it the rest can only look from outside. */
static void doctor_connect(struct doctor *d)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	char up[TIME_TEXT_BYTES];
	struct paclient_call call;

	call_init(d->cli, &call);
	options.timeout_ms = d->cli->timeout_ms;
	options.wait_for_daemon = d->cli->wait_for_daemon;
	d->daemon.size = sizeof(d->daemon);
	if (paclient_open(d->socket, &options, &d->pa, &call) ||
	    paclient_stat_daemon(d->pa, &d->daemon, &call) ||
	    paclient_regions(d->pa, &d->regions, &call)) {
		/* What is wrong with the socket has been told already. */
		if (d->nfindings && call.error.status == PACLIENT_NOT_CONNECTED)
			tell(d, VERDICT_SKIPPED, "daemon", NULL, "%s", call.error.message);
		else
			tell(d, VERDICT_FINDING, "daemon", daemon_remedy(d, call.error.status),
			     "%s", call.error.message);
		paclient_close(d->pa);
		d->pa = NULL;
		return;
	}
	tell(d, VERDICT_OK, "daemon", NULL, "%s answers, it runs for %s",
	     paclient_server_name(d->pa), time_text(d->daemon.uptime_usec, up));
}

static int doctor_end(struct doctor *d)
{
	int err = 0;

	if (d->checks)
		err = json_out(d->cli,
			       json_pack("{s:b, s:i, s:O}", "well", !d->nfindings, "nfindings",
					 (int)d->nfindings, "checks", d->checks));
	else if (!d->cli->no_legend && d->nfindings)
		err = printf("%u finding%s\n", d->nfindings, d->nfindings == 1 ? "" : "s") < 0;
	else if (!d->cli->no_legend)
		err = puts("all is well") < 0;
	if (!err)
		err = out_end(d->cli);
	json_decref(d->checks);
	paclient_regions_free(d->regions);
	paclient_close(d->pa);
	return err ? err : d->nfindings ? EXIT_FINDINGS : 0;
}

int cmd_doctor(struct cli *cli)
{
	struct doctor d = {.cli = cli, .socket = cli_socket(cli)};
	struct stat st;

	if (cli->nargs)
		return usage_error(cli, "takes no arguments, \"%s\" is one too many", cli->args[0]);
	d.checks = cli->json ? json_array() : NULL;
	if (cli->json && !d.checks)
		return system_error(cli, "no memory for the output");
	/* As sd_booted(3) tells it. */
	d.booted = !lstat("/run/systemd/system", &st) && S_ISDIR(st.st_mode);
	doctor_socket(&d);
	doctor_connect(&d);
	doctor_versions(&d);
	doctor_limits(&d);
	doctor_huge_pages(&d);
	doctor_regions(&d);
	doctor_units(&d);
	return doctor_end(&d);
}
