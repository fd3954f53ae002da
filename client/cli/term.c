/*
 * term - what pictures may be drawn with: characters, colours, room
 *
 * Role:       see term.h.
 * Uses:       cli.h, the terminal
 */
#include "client/cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

/* No picture is wider than that, whatever COLUMNS says. */
#define COLUMNS_MAX 4096

static bool set(const char *variable)
{
	return variable && variable[0];
}

/* What is asked for counts first, then what the user always wants, then what the terminal can. */
static bool colour_wanted(const struct cli *cli)
{
	const char *term = getenv("TERM");

	if (cli->color && strcmp(cli->color, "auto") != 0)
		return !strcmp(cli->color, "always");
	return !set(getenv("NO_COLOR")) && isatty(STDOUT_FILENO) && set(term) &&
	       strcmp(term, "dumb") != 0;
}

void term_get(const struct cli *cli, struct term *ret)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	*ret = (struct term){.utf8 = !cli->ascii && terminal_utf8(), .colour = colour_wanted(cli)};
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col) {
		ret->columns = size.ws_col;
		ret->lines = size.ws_row;
	} else if (columns && !number_parse(columns, &n) && n && n <= COLUMNS_MAX) {
		ret->columns = (unsigned)n;
	}
}

const char *term_code(const struct term *t, enum term_colour c)
{
	static const char *const codes[] = {
		[TERM_PLAIN] = "\033[0m",           [TERM_BOLD] = "\033[1m",
		[TERM_GREY] = "\033[90m",           [TERM_RED] = "\033[31m",
		[TERM_GREEN] = "\033[32m",          [TERM_YELLOW] = "\033[33m",
		[TERM_BLUE] = "\033[34m",           [TERM_MAGENTA] = "\033[35m",
		[TERM_CYAN] = "\033[36m",           [TERM_BRIGHT_BLUE] = "\033[94m",
		[TERM_BRIGHT_MAGENTA] = "\033[95m", [TERM_BRIGHT_CYAN] = "\033[96m",
	};

	return t->colour ? codes[c] : "";
}

void term_bar(const struct term *t, FILE *to, double share, unsigned width, enum term_colour c)
{
	static const char *const eighths[] = {"",       "\u258f", "\u258e", "\u258d",
					      "\u258c", "\u258b", "\u258a", "\u2589"};
	unsigned filled, whole, part;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	filled = (unsigned)(share * width * 8 + 0.5);
	/* Little is not nothing. */
	if (!filled && share > 0 && width)
		filled = 1;
	whole = filled / 8;
	part = filled % 8;
	if (!t->utf8 && part) {
		whole += part >= 4 || !whole;
		part = 0;
	}
	fputs(term_code(t, c), to);
	for (unsigned i = 0; i < whole; i++)
		fputs(t->utf8 ? "\u2588" : "#", to);
	fputs(eighths[part], to);
	fputs(term_code(t, TERM_GREY), to);
	for (unsigned i = whole + (part != 0); i < width; i++)
		fputs(t->utf8 ? "\u00b7" : ".", to);
	fputs(term_code(t, TERM_PLAIN), to);
}

/* Columns of the character at @text, whose bytes are *@ret_nbytes; what the locale does not know takes one of each. */
static unsigned char_width(const char *text, mbstate_t *state, size_t *ret_nbytes)
{
	wchar_t c;
	size_t n = mbrtowc(&c, text, MB_CUR_MAX, state);
	int width;

	if (n == 0 || n > MB_CUR_MAX) {
		*state = (mbstate_t){0};
		*ret_nbytes = 1;
		return 1;
	}
	*ret_nbytes = n;
	width = wcwidth(c);
	return width < 0 ? 1 : (unsigned)width;
}

static unsigned text_width(const char *text)
{
	mbstate_t state = {0};
	unsigned width = 0;
	size_t n;

	for (; *text; text += n)
		width += char_width(text, &state, &n);
	return width;
}

void term_fit(const struct term *t, FILE *to, const char *text, unsigned width)
{
	unsigned have = text_width(text), used = 0, room = width;
	mbstate_t state = {0};
	size_t n;

	if (have <= width) {
		fprintf(to, "%s%*s", text, (int)(width - have), "");
		return;
	}
	if (t->utf8 && room)
		room--;
	for (; *text; text += n) {
		unsigned w = char_width(text, &state, &n);

		if (used + w > room)
			break;
		fwrite(text, 1, n, to);
		used += w;
	}
	if (t->utf8 && width) {
		fputs("\u2026", to);
		used++;
	}
	fprintf(to, "%*s", (int)(width - used), "");
}
