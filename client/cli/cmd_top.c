/*
 * cmd_top - the verb top: what the daemon is doing, now and again
 *
 * Role:       the loop: samples, keys, signals; the terminal is as it was when it ends, however that comes about.
 * Uses:       top.h, the terminal
 *
 * Where standard output is no terminal, or one that cannot move its cursor, samples follow each other.
 */
#include "client/cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MS_DEFAULT 2000
/* More often nobody can look, and the daemon has other things to do. */
#define INTERVAL_MS_MIN 100
/* For an answer, once it is seen that the daemon is there: keys and signals are not heard meanwhile. */
#define TIMEOUT_MS_DEFAULT 1000
/* Cells of a region in a line. */
#define CELLS_MAX 512

/* Another screen, so that what was written before comes back; no cursor; lines that are too long are cut. */
#define SCREEN_BEGIN "\033[?1049h\033[?25l\033[?7l\033[2J"
#define SCREEN_END "\033[?7h\033[?25h\033[?1049l"

static volatile sig_atomic_t ended, stopped, resized;

static void on_signal(int signal)
{
	if (signal == SIGWINCH)
		resized = 1;
	else if (signal == SIGTSTP)
		stopped = 1;
	else
		ended = 1;
}

struct top {
	struct cli *cli;
	paclient *pa;
	struct top_view view;
	char region[PACLIENT_NAME_BYTES]; /* what view.region says, where a key has chosen it */
	struct top_sample now, before;
	struct term term;
	bool live;           /* a person looks, and has keys */
	struct termios keys; /* how the terminal was */
	bool keys_taken;
	sigset_t waiting; /* signals are let in while we wait, and only then */
	uint64_t nshown;
};

static void signals_take(struct top *t)
{
	static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};
	struct sigaction action = {.sa_handler = on_signal}, was;
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		/* Without a screen of ours there is nothing to tidy up when one stops. */
		if (all[i] == SIGTSTP && !t->live)
			continue;
		/* What a shell's background job ignores it goes on ignoring. */
		if (sigaction(all[i], NULL, &was) || was.sa_handler == SIG_IGN)
			continue;
		sigaction(all[i], &action, NULL);
		sigaddset(&blocked, all[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &blocked, &t->waiting);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		sigdelset(&t->waiting, all[i]);
}

static void screen_write(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

static void screen_take(struct top *t)
{
	struct termios raw;

	if (!t->live)
		return;
	screen_write(SCREEN_BEGIN);
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->keys))
		return;
	raw = t->keys;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	t->keys_taken = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void screen_give(struct top *t)
{
	if (!t->live)
		return;
	if (t->keys_taken)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->keys);
	t->keys_taken = false;
	screen_write(SCREEN_END);
}

/* Stopped by a key: as any other program, with the terminal as it was. */
static void stop_self(struct top *t)
{
	stopped = 0;
	screen_give(t);
	raise(SIGSTOP);
	screen_take(t);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void holders_sort(struct top *t)
{
	top_holders_sort(t->now.sessions, t->now.nsessions, t->view.sort);
	top_holders_sort(t->now.users, t->now.nusers, t->view.sort);
}

/* Return: 0 or an exit code, already told. */
static int sample_next(struct top *t)
{
	unsigned ncells = t->live ? t->term.columns : 0;
	int err;

	top_sample_deinit(&t->before);
	t->before = t->now;
	err = top_sample_get(t->cli, &t->pa, &t->view, ncells < CELLS_MAX ? ncells : CELLS_MAX,
			     &t->before, &t->now);
	holders_sort(t);
	return err;
}

/* In one write: a picture that comes in pieces flickers. */
static int draw_live(struct top *t)
{
	size_t n = t->view.users ? t->now.nusers : t->now.nsessions, nbytes = 0;
	char *text = NULL;
	FILE *to = open_memstream(&text, &nbytes);

	if (!to)
		return system_error(t->cli, "no memory for the output");
	if (t->view.scroll >= n)
		t->view.scroll = n ? n - 1 : 0;
	fputs("\033[H", to);
	/* The last line has room for the keys, and none for a newline, which would move all. */
	top_draw(t->cli, &t->now, &t->view, &t->term, t->term.lines > 1 ? t->term.lines - 1 : 1,
		 to);
	fprintf(to, "\033[J\033[%u;1H%s q end  s sort: %s  u %s  1-9 region  ? help%s\033[K",
		t->term.lines, term_code(&t->term, TERM_GREY), top_sort_name(t->view.sort),
		t->view.users ? "sessions" : "users", term_code(&t->term, TERM_PLAIN));
	if (!fclose(to))
		fwrite(text, 1, nbytes, stdout);
	free(text);
	fflush(stdout);
	return 0;
}

static int show(struct top *t)
{
	int err = 0;

	if (t->live)
		return draw_live(t);
	if (t->cli->json) {
		err = top_json(t->cli, &t->now);
	} else {
		if (t->nshown)
			putchar('\n');
		top_draw(t->cli, &t->now, &t->view, &t->term, 0, stdout);
	}
	fflush(stdout);
	return err;
}

static void region_choose(struct top *t, size_t i)
{
	/* With one region on the screen there is no second one to count to. */
	if (i >= t->now.nregions)
		return;
	memcpy(t->region, t->now.regions[i].stat.name, sizeof(t->region));
	t->view.region = t->region;
	t->view.scroll = 0;
}

static void sort_move(struct top *t, unsigned by)
{
	t->view.sort = (t->view.sort + by) % TOP_NSORTS;
	holders_sort(t);
}

/* Return: another sample is wanted at once. */
static bool key_press(struct top *t, char key)
{
	switch (key) {
	case 'q':
		ended = 1;
		return false;
	case 's':
		sort_move(t, 1);
		return false;
	case 'u':
		t->view.users = !t->view.users;
		t->view.scroll = 0;
		return false;
	case '?':
	case 'h':
		t->view.help = !t->view.help;
		return false;
	case '0':
		t->view.region = NULL;
		return true;
	case ' ':
		return true;
	default:
		if (key < '1' || key > '9')
			return false;
		region_choose(t, (size_t)(key - '1'));
		return true;
	}
}

/* The last byte of "ESC [ A" and its kin. */
static void arrow_press(struct top *t, char arrow)
{
	switch (arrow) {
	case 'A':
		t->view.scroll -= t->view.scroll > 0;
		break;
	case 'B':
		t->view.scroll++;
		break;
	case 'C':
		sort_move(t, 1);
		break;
	case 'D':
		sort_move(t, TOP_NSORTS - 1);
		break;
	default:
		break;
	}
}

/* Return: another sample is wanted at once. */
static bool keys_read(struct top *t)
{
	char bytes[64];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	bool again = false;

	/* Nobody is there any more who could press one. */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		ended = 1;
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] == '\033' && i + 2 < n &&
		    (bytes[i + 1] == '[' || bytes[i + 1] == 'O')) {
			arrow_press(t, bytes[i + 2]);
			i += 2;
		} else {
			again |= key_press(t, bytes[i]);
		}
	}
	return again;
}

/* Until @until or a key that wants a sample before; draws what keys and the terminal's size change meanwhile. Return: 0 or an exit code. */
static int wait_until(struct top *t, uint64_t until)
{
	struct pollfd fds[] = {{.fd = STDOUT_FILENO},
			       {.fd = t->keys_taken ? STDIN_FILENO : -1, .events = POLLIN}};
	int err = 0;

	while (!err && !ended && !ferror(stdout)) {
		uint64_t now = now_ms(), left = until > now ? until - now : 0;
		struct timespec timeout = {.tv_sec = (time_t)(left / 1000),
					   .tv_nsec = (long)(left % 1000) * 1000000};
		int n = ppoll(fds, ARRAY_SIZE(fds), &timeout, &t->waiting);

		if (n < 0 && errno != EINTR)
			return system_error(t->cli, "cannot wait: %s", strerror(errno));
		if (n > 0 && fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)) {
			ended = 1;
			break;
		}
		if (n > 0 && fds[1].revents && keys_read(t))
			break;
		if (stopped)
			stop_self(t);
		if (resized)
			term_get(t->cli, &t->term);
		resized = 0;
		if (ended || (n == 0 && now_ms() >= until))
			break;
		if (t->live && n != 0)
			err = draw_live(t);
	}
	return err;
}

static int top_loop(struct top *t)
{
	int err = 0;

	while (!err && !ended) {
		uint64_t next = now_ms() + t->view.interval_ms;

		err = sample_next(t);
		if (!err)
			err = show(t);
		t->nshown++;
		if (ferror(stdout) || (t->cli->count && t->nshown >= t->cli->count))
			break;
		if (!err)
			err = wait_until(t, next);
	}
	return err;
}

/* Before anything is drawn: does the daemon answer, and is there such a region? */
static int region_check(struct top *t)
{
	struct paclient_region region;
	int err = cli_open(t->cli, &t->pa);

	if (!err && t->view.region)
		err = cli_region(t->cli, t->pa, t->view.region, &region);
	paclient_close(t->pa);
	t->pa = NULL;
	return err;
}

static bool terminal_moves(const struct top *t)
{
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && terminal && terminal[0] && strcmp(terminal, "dumb") != 0 &&
	       t->term.lines;
}

int cmd_top(struct cli *cli)
{
	struct top t = {.cli = cli, .view = {.region = cli_region_take(cli)}};
	int err, broken;

	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	t.view.interval_ms = cli->interval_ms ? (unsigned)cli->interval_ms : INTERVAL_MS_DEFAULT;
	if (t.view.interval_ms < INTERVAL_MS_MIN)
		return usage_error(cli, "--interval: shorter than %d ms nobody can look",
				   INTERVAL_MS_MIN);
	err = region_check(&t);
	if (err)
		return err;
	if (!cli->timeout_ms)
		cli->timeout_ms = TIMEOUT_MS_DEFAULT;
	term_get(cli, &t.term);
	t.live = !cli->json && terminal_moves(&t);
	signals_take(&t);
	screen_take(&t);
	err = top_loop(&t);
	broken = ferror(stdout) ? errno : 0;
	screen_give(&t);
	paclient_close(t.pa);
	top_sample_deinit(&t.now);
	top_sample_deinit(&t.before);
	/* Whoever read us does no more: that is how pipes and terminals end, and no failure. */
	if (err || t.live || broken == EPIPE)
		return err;
	return out_end(cli);
}
