/*
 * fields - structs as JSON objects, and back
 *
 * Role:       one table for each struct says which key is which field, for writing and for reading.
 * Uses:       cli.h
 *
 * A number that JSON's readers might not hold, from 2^63 on, is written as a hexadecimal string. A key that is missing means 0, no or
 * none, unless the table says that it must be there; keys that the table does not know are passed over.
 */
#ifndef PACLIENT_CLI_FIELDS_H
#define PACLIENT_CLI_FIELDS_H

#include "client/cli/cli.h"

#include <stdio.h>

enum field_kind {
	FIELD_COUNT,  /* uint64_t */
	FIELD_ADDR,   /* uint64_t, as a hexadecimal string */
	FIELD_NUMBER, /* uint32_t */
	FIELD_SIZE,   /* size_t */
	FIELD_YES,    /* bool */
	FIELD_TEXT,   /* char [] */
	FIELD_WORD,   /* int, an enum with words */
	FIELD_RIGHTS, /* uint32_t, bits of enum paclient_right */
};

struct field {
	const char *key;
	enum field_kind kind;
	bool must; /* be there */
	size_t offset;
	size_t nbytes;            /* FIELD_TEXT: with the terminating NUL */
	const char *(*word)(int); /* FIELD_WORD: "unknown" for those that are none */
};

#define FIELD(type, name, kind)                                          \
	{                                                                \
#name, kind, false, offsetof(struct type, name), 0, NULL \
	}
#define FIELD_MUST(type, name, kind)                                    \
	{                                                               \
#name, kind, true, offsetof(struct type, name), 0, NULL \
	}
#define FIELD_OF_TEXT(type, name)                                      \
	{                                                              \
#name, FIELD_TEXT, false, offsetof(struct type, name), \
			sizeof(((struct type *)0)->name), NULL         \
	}
#define FIELD_OF_WORDS(type, name, word)                                       \
	{                                                                      \
#name, FIELD_WORD, false, offsetof(struct type, name), 0, word \
	}

/*
 * fields_write() - the fields of @from, as members of an object that has one already
 * @brief: leave out what is 0, no or none
 */
void fields_write(FILE *to, const struct field *fields, size_t n, const void *from, bool brief);

/* The longest sentence that fields_read() says. */
#define FIELDS_WRONG_BYTES 128

/**
 * fields_read() - the fields of @to, from an object
 * @wrong: FIELDS_WRONG_BYTES; what is wrong with which key
 *
 * Return: false: @wrong says why.
 */
MUST_CHECK bool fields_read(const json_t *object, const struct field *fields, size_t n, void *to,
			    char *wrong);

/* A text as JSON; null where it is none. */
void field_text_write(FILE *to, const char *text);
/* One number, as it is written. Return: false: it is none. */
MUST_CHECK bool field_count_read(const json_t *value, uint64_t *ret);

#endif
