/*
 * trace_line - one line of a trace: its fields, and how a result is compared with it
 *
 * Role:       reading and comparing for the replayer. A handler states what it got as text; the line states what is wanted.
 * Uses:       libc
 */
#ifndef PALLOCD_TESTS_MODEL_TRACE_LINE_H
#define PALLOCD_TESTS_MODEL_TRACE_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_LINE_BYTES 2048
#define TRACE_FIELDS_MAX 512

struct line {
	const char *file;
	unsigned long number;
	char text[TRACE_LINE_BYTES]; /* fields, each ended by NUL */
	const char *fields[TRACE_FIELDS_MAX];
	unsigned n;                    /* fields before " = " */
	char wanted[TRACE_LINE_BYTES]; /* text behind " = ", "" if there is none */
	bool has_result, bad;
};

/** line_read() - the next line that is no comment. Return: false at the end of the file. */
bool line_read(struct line *l, FILE *f);

/** line_fail() - print file, line and the sentence; the line counts as failed. Return: false. */
__attribute__((format(printf, 2, 3))) bool line_fail(struct line *l, const char *fmt, ...);

/** line_u64(), line_hex() - field @i as a decimal or hexadecimal number; a bad one fails the line and is 0. */
uint64_t line_u64(struct line *l, unsigned i);
uint64_t line_hex(struct line *l, unsigned i);

/** line_is() - is field @i this word? False if there is no such field. */
bool line_is(const struct line *l, unsigned i, const char *word);

/** line_got() - compare what was got with what the line wants. Return: true if equal. */
__attribute__((format(printf, 2, 3))) bool line_got(struct line *l, const char *fmt, ...);

/** line_nfields() - fail the line unless it has exactly @n fields before " = ". */
bool line_nfields(struct line *l, unsigned n);

#endif
