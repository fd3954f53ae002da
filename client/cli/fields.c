/*
 * fields - structs as JSON objects, and back
 *
 * Role:       see fields.h.
 * Uses:       fields.h, jansson
 */
#include "client/cli/fields.h"

#include <inttypes.h>
#include <string.h>

/* Words are looked for among so many numbers; rights have so many bits. */
#define WORDS_MAX 32
#define RIGHTS_MAX 32

void field_text_write(FILE *to, const char *text)
{
	json_t *value = json_text(text);

	if (json_dumpf(value, to, JSON_ENCODE_ANY | JSON_ENSURE_ASCII))
		fputs("null", to);
	json_decref(value);
}

static void count_write(FILE *to, uint64_t n)
{
	fprintf(to, n > INT64_MAX ? "\"0x%" PRIx64 "\"" : "%" PRIu64, n);
}

static bool is_known(const struct field *f, int value)
{
	return strcmp(f->word(value), f->word(-1)) != 0;
}

static void rights_write(FILE *to, uint32_t rights)
{
	bool any = false;

	fputc('[', to);
	for (unsigned bit = 0; bit < RIGHTS_MAX; bit++) {
		unsigned right = 1U << bit;

		if (!(rights & right))
			continue;
		fputs(any ? ", " : "", to);
		if (strcmp(paclient_right_name(right), paclient_right_name(0)) != 0)
			fprintf(to, "\"%s\"", paclient_right_name(right));
		else
			fprintf(to, "%u", bit);
		any = true;
	}
	fputc(']', to);
}

static void value_write(FILE *to, const struct field *f, const void *at)
{
	switch (f->kind) {
	case FIELD_COUNT:
		count_write(to, *(const uint64_t *)at);
		break;
	case FIELD_ADDR:
		fprintf(to, "\"0x%" PRIx64 "\"", *(const uint64_t *)at);
		break;
	case FIELD_NUMBER:
		fprintf(to, "%" PRIu32, *(const uint32_t *)at);
		break;
	case FIELD_SIZE:
		count_write(to, *(const size_t *)at);
		break;
	case FIELD_YES:
		fputs(*(const bool *)at ? "true" : "false", to);
		break;
	case FIELD_TEXT:
		field_text_write(to, at);
		break;
	case FIELD_WORD:
		if (is_known(f, *(const int *)at))
			fprintf(to, "\"%s\"", f->word(*(const int *)at));
		else
			fprintf(to, "%d", *(const int *)at);
		break;
	case FIELD_RIGHTS:
		rights_write(to, *(const uint32_t *)at);
		break;
	}
}

static size_t field_bytes(const struct field *f)
{
	switch (f->kind) {
	case FIELD_COUNT:
	case FIELD_ADDR:
		return sizeof(uint64_t);
	case FIELD_SIZE:
		return sizeof(size_t);
	case FIELD_NUMBER:
	case FIELD_RIGHTS:
		return sizeof(uint32_t);
	case FIELD_WORD:
		return sizeof(int);
	case FIELD_YES:
	case FIELD_TEXT:
		break;
	}
	return 1; /* of a text the first character says it */
}

static bool is_nothing(const struct field *f, const void *at)
{
	static const char zeros[sizeof(uint64_t)];

	return memcmp(at, zeros, field_bytes(f)) == 0;
}

void fields_write(FILE *to, const struct field *fields, size_t n, const void *from, bool brief)
{
	for (size_t i = 0; i < n; i++) {
		const void *at = (const char *)from + fields[i].offset;

		if (brief && !fields[i].must && is_nothing(&fields[i], at))
			continue;
		fprintf(to, ", \"%s\": ", fields[i].key);
		value_write(to, &fields[i], at);
	}
}

bool field_count_read(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);

	if (text)
		return text[0] == '0' && text[1] == 'x' && !number_parse(text, ret);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

static const char *number_read(const json_t *value, uint64_t max, uint64_t *ret)
{
	return field_count_read(value, ret) && *ret <= max ? NULL : "is no such number";
}

/* Terminals obey them: no daemon lets them in. */
static bool has_controls(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return true;
	}
	return false;
}

static const char *text_read(const struct field *f, const json_t *value, char *to)
{
	const char *text = json_is_null(value) ? "" : json_string_value(value);

	if (!text)
		return "is no text";
	if (strlen(text) >= f->nbytes)
		return "is too long";
	if (has_controls(text))
		return "has control characters";
	memcpy(to, text, strlen(text) + 1);
	return NULL;
}

static const char *word_read(const struct field *f, const json_t *value, int *to)
{
	const char *text = json_string_value(value), *wrong;
	uint64_t n;

	for (int i = 0; text && i < WORDS_MAX; i++) {
		if (is_known(f, i) && !strcmp(f->word(i), text)) {
			*to = i;
			return NULL;
		}
	}
	wrong = text ? "is no such word" : number_read(value, INT32_MAX, &n);
	if (!wrong)
		*to = (int)n;
	return wrong;
}

/* The bit that a word or a number stands for. Return: false: none. */
static bool right_read(const json_t *value, uint32_t *rights)
{
	const char *text = json_string_value(value);

	for (unsigned bit = 0; bit < RIGHTS_MAX; bit++) {
		const char *name = paclient_right_name(1U << bit);
		bool is_it = text ? !strcmp(name, text) && strcmp(name, paclient_right_name(0)) != 0
				  : json_is_integer(value) && json_integer_value(value) == bit;

		if (is_it) {
			*rights |= UINT32_C(1) << bit;
			return true;
		}
	}
	return false;
}

static const char *rights_read(const json_t *value, uint32_t *to)
{
	if (!json_is_array(value))
		return "is no list";
	*to = 0;
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (!right_read(json_array_get(value, i), to))
			return "has no such right";
	}
	return NULL;
}

/* Return: NULL, or what is wrong. */
static const char *value_read(const struct field *f, const json_t *value, void *to)
{
	const char *wrong = NULL;
	uint64_t n = 0;

	switch (f->kind) {
	case FIELD_COUNT:
		return number_read(value, UINT64_MAX, to);
	case FIELD_ADDR:
		return json_is_string(value) ? number_read(value, UINT64_MAX, to) : "is no address";
	case FIELD_NUMBER:
		wrong = number_read(value, UINT32_MAX, &n);
		*(uint32_t *)to = (uint32_t)n;
		return wrong;
	case FIELD_SIZE:
		wrong = number_read(value, SIZE_MAX, &n);
		*(size_t *)to = (size_t)n;
		return wrong;
	case FIELD_YES:
		*(bool *)to = json_is_true(value);
		return json_is_boolean(value) ? NULL : "is neither true nor false";
	case FIELD_TEXT:
		return text_read(f, value, to);
	case FIELD_WORD:
		return word_read(f, value, to);
	case FIELD_RIGHTS:
		return rights_read(value, to);
	}
	return wrong;
}

bool fields_read(const json_t *object, const struct field *fields, size_t n, void *to, char *wrong)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(object, fields[i].key);
		const char *why = NULL;

		if (value)
			why = value_read(&fields[i], value, (char *)to + fields[i].offset);
		else if (fields[i].must)
			why = "is missing";
		if (!why)
			continue;
		snprintf(wrong, FIELDS_WRONG_BYTES, "\"%s\" %s", fields[i].key, why);
		return false;
	}
	return true;
}
