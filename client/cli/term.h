/*
 * term - what pictures may be drawn with: characters, colours, room
 *
 * Role:       one answer for map and top to "is this a terminal, how wide is it, may there be colours"; bars.
 * Uses:       cli.h
 */
#ifndef PACLIENT_TERM_H
#define PACLIENT_TERM_H

#include "client/cli/cli.h"

#include <stdio.h>

struct term {
	bool utf8;
	bool colour;
	unsigned columns; /* 0 = no terminal, and nobody says how many */
	unsigned lines;   /* 0 = no terminal */
};

/* The eight that every terminal has, in the shades that its user has chosen. */
enum term_colour {
	TERM_PLAIN,
	TERM_BOLD,
	TERM_GREY,
	TERM_RED,
	TERM_GREEN,
	TERM_YELLOW,
	TERM_BLUE,
	TERM_MAGENTA,
	TERM_CYAN,
	TERM_BRIGHT_BLUE,
	TERM_BRIGHT_MAGENTA,
	TERM_BRIGHT_CYAN,
};

/** term_get() - of standard output; --color and --ascii are heard */
void term_get(const struct cli *cli, struct term *ret);

/** term_code() - what switches to the colour; "" where there are none. Static string. */
const char *term_code(const struct term *t, enum term_colour c);

/** term_bar() - @share (0 to 1) of @width columns filled, the rest blank; exact to an eighth of a column */
void term_bar(const struct term *t, FILE *to, double share, unsigned width, enum term_colour c);

/** term_fit() - @text in exactly @width columns: cut, with an ellipsis, or padded. May be UTF-8. */
void term_fit(const struct term *t, FILE *to, const char *text, unsigned width);

#endif
