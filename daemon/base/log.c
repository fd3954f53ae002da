/*
 * log - lines for the administrator
 *
 * Role:       see log.h.
 * Uses:       base/clock.h
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* A line is cut here; longer ones would be ours to shorten. */
#define LINE_BYTES 2048

#define LIMIT_USEC 1000000

/* Where a cause goes on, its next line says what was kept back, so that is waited for a little. */
#define TELL_USEC 100000

/* What the lines of a cause have in common. */
#define ABOUT_MAX 3u
#define ABOUT_BYTES 96u

enum { EACH, LIMITED };

static const struct {
	const char *name;
	const char *number;
	bool limited;
} ids[] = {
#define ROW(name, limited, number) [LOG_ID_##name] = {#name, number, limited},
	LOG_ID_TABLE(ROW)
#undef ROW
};

/* A cause that had a line a short time ago. */
struct cause {
	enum log_id id; /* LOG_ID_NONE: nobody's */
	uint64_t key;   /* the region, the user and the status */
	uint64_t next_usec;
	uint64_t nkept_back;
	struct log_field about[ABOUT_MAX + 1]; /* the same; the texts are below */
	char text[ABOUT_MAX][ABOUT_BYTES];
};

static enum log_level level_max = LOG_LEVEL_INFO;
static bool to_journal;
static log_sink *sink;
static struct cause causes[LOG_CAUSES];
static uint64_t nkept_back_total;
/* When the first of them is to say how many lines it has kept back. */
static uint64_t tell_usec = UINT64_MAX;

/* The service manager says which file stderr was when it made it; a shell that sends it elsewhere leaves the variable alone. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_open(enum log_level max)
{
	level_max = max;
	to_journal = stderr_is_journal();
}

bool log_to_journal(void)
{
	return to_journal;
}

bool log_has(enum log_level level)
{
	return level <= level_max;
}

void log_sink_set(log_sink *to)
{
	sink = to;
}

const char *log_id_number(enum log_id id)
{
	return ids[id].number;
}

uint64_t log_kept_back(void)
{
	return nkept_back_total;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"error", LOG_LEVEL_ERROR},
		{"warning", LOG_LEVEL_WARNING},
		{"info", LOG_LEVEL_INFO},
		{"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = levels[i].level;
			return 0;
		}
	}
	return LOG_E_LEVEL;
}

/* What does not fit is cut; room for the newline stays. */
static void line_vadd(char line[static LINE_BYTES], size_t *at, const char *fmt, va_list args)
	PRINTF_LIKE(3, 0);
static void line_vadd(char line[static LINE_BYTES], size_t *at, const char *fmt, va_list args)
{
	size_t room = LINE_BYTES - 1 - *at;
	int n = vsnprintf(line + *at, room, fmt, args);

	if (n > 0)
		*at += (size_t)n < room ? (size_t)n : room - 1;
}

static void line_add(char line[static LINE_BYTES], size_t *at, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void line_add(char line[static LINE_BYTES], size_t *at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line_vadd(line, at, fmt, args);
	va_end(args);
}

/* One write(2) a line, so that lines of several processes on one terminal do not mix. */
static void line_write(enum log_level level, enum log_id id, const struct log_field *fields,
		       uint64_t nkept_back, const char *fmt, va_list args) PRINTF_LIKE(5, 0);
static void line_write(enum log_level level, enum log_id id, const struct log_field *fields,
		       uint64_t nkept_back, const char *fmt, va_list args)
{
	char line[LINE_BYTES];
	int saved_errno = errno;
	size_t at = 0, begin;

	if (to_journal)
		line_add(line, &at, "<%d>", (int)level);
	else
		line_add(line, &at, "pallocd: ");
	begin = at;
	line_vadd(line, &at, fmt, args);
	if (nkept_back)
		line_add(line, &at, " (and %" PRIu64 " more like it)", nkept_back);
	for (size_t i = begin; i < at; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[at] = '\0';
	if (!to_journal || !sink || sink(level, ids[id].number, fields, line + begin)) {
		line[at++] = '\n';
		/* A log that cannot be written is nobody's to report to. */
		(void)!write(STDERR_FILENO, line, at);
	}
	errno = saved_errno;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (!log_has(level))
		return;
	va_start(args, fmt);
	line_write(level, LOG_ID_NONE, NULL, 0, fmt, args);
	va_end(args);
}

/* FNV-1a: it need not withstand anybody, as who makes two causes meet hides lines about himself only. */
static uint64_t key_add(uint64_t key, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n--)
		key = (key ^ *p++) * UINT64_C(0x100000001b3);
	return key;
}

/* What tells causes of one id apart: whose they are, not which of their requests. */
static bool is_of_cause(const struct log_field *f)
{
	return !strcmp(f->name, "PALLOCD_UID") || (f->text && (!strcmp(f->name, "PALLOCD_REGION") ||
							       !strcmp(f->name, "PALLOCD_STATUS")));
}

static uint64_t cause_key(const struct log_field *f)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (; f && f->name; f++) {
		if (is_of_cause(f) && f->text)
			key = key_add(key, f->text, strlen(f->text));
		else if (is_of_cause(f))
			key = key_add(key, &f->number, sizeof(f->number));
	}
	return key;
}

/* The texts are copied: they may be gone when it is told what was kept back. */
static void cause_about(struct cause *c, const struct log_field *f)
{
	size_t n = 0;

	for (; f && f->name && n < ABOUT_MAX; f++) {
		if (!is_of_cause(f))
			continue;
		c->about[n] = *f;
		if (f->text) {
			snprintf(c->text[n], ABOUT_BYTES, "%s", f->text);
			c->about[n].text = c->text[n];
		}
		n++;
	}
	c->about[n] = (struct log_field){0};
}

static void line_say(enum log_level level, enum log_id id, const struct log_field *fields,
		     const char *fmt, ...) PRINTF_LIKE(4, 5);
static void line_say(enum log_level level, enum log_id id, const struct log_field *fields,
		     const char *fmt, ...)
{
	va_list args;

	if (!log_has(level))
		return;
	va_start(args, fmt);
	line_write(level, id, fields, 0, fmt, args);
	va_end(args);
}

static void cause_tell(const struct cause *c)
{
	if (c->nkept_back)
		line_say(LOG_LEVEL_WARNING, c->id, c->about,
			 "%" PRIu64 " more lines %s were kept back", c->nkept_back,
			 ids[c->id].name);
}

/* UINT64_MAX: it has nothing to tell. */
static uint64_t cause_tell_usec(const struct cause *c)
{
	return c->nkept_back ? c->next_usec + TELL_USEC : UINT64_MAX;
}

/* Return: false: its second is not over. */
static bool cause_may(enum log_id id, const struct log_field *fields, uint64_t *ret_nkept_back)
{
	uint64_t key = cause_key(fields), now = clock_usec();
	struct cause *c = &causes[key_add(key, &id, sizeof(id)) % LOG_CAUSES];

	if (now < c->next_usec) {
		c->nkept_back++;
		nkept_back_total++;
		if (cause_tell_usec(c) < tell_usec)
			tell_usec = cause_tell_usec(c);
		return false;
	}
	*ret_nkept_back = c->id == id && c->key == key ? c->nkept_back : 0;
	/* The place was another's, which has had nothing to say since. */
	if (!*ret_nkept_back)
		cause_tell(c);
	*c = (struct cause){.id = id, .key = key, .next_usec = now + LIMIT_USEC};
	cause_about(c, fields);
	return true;
}

void log_event(enum log_level level, enum log_id id, const struct log_field *fields,
	       const char *fmt, ...)
{
	uint64_t nkept_back = 0;
	va_list args;

	if (!log_has(level) || (ids[id].limited && !cause_may(id, fields, &nkept_back)))
		return;
	va_start(args, fmt);
	line_write(level, id, fields, nkept_back, fmt, args);
	va_end(args);
}

uint64_t log_limits_due(void)
{
	return tell_usec;
}

void log_limits_tell(uint64_t now_usec)
{
	tell_usec = UINT64_MAX;
	for (size_t i = 0; i < LOG_CAUSES; i++) {
		struct cause *c = &causes[i];
		uint64_t due = cause_tell_usec(c);

		if (now_usec == UINT64_MAX || due <= now_usec) {
			cause_tell(c);
			*c = (struct cause){0};
		} else if (due < tell_usec) {
			tell_usec = due;
		}
	}
}
