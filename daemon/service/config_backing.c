/*
 * config_backing - the keys of a region that are about the memory behind its addresses
 *
 * Role:       see config_backing.h. File= and HugePageSize= say what the backing is, so that Backing= need not; an option goes over the file as a whole: what
 *             the file says about another kind of backing is forgotten.
 * Uses:       base/, backing/, service/config.h
 */
#include "service/config_backing.h"

#include <inttypes.h>
#include <string.h>

#include "backing/nodes.h"
#include "base/duration.h"
#include "base/size.h"

#define AT(field) offsetof(struct config_region, field)

#define RETAIN_PERCENT_DEFAULT 10u
#define DELAY_USEC_DEFAULT (UINT64_C(60) * 1000000)
#define PPM_OF_PERCENT 10000u

/* Keys that mean nothing where there is no memory. */
static const size_t of_memory[] = {
	AT(backing.folder),          AT(backing.numa),          AT(config.commit_now),
	AT(config.sanitize),         AT(config.retain_percent), AT(config.scavenge_delay_usec),
	AT(config.scavenge_cpu_ppm),
};

void config_backing_defaults(struct config_region *r)
{
	r->backing.numa = BACKING_NUMA_DEFAULT;
	memset(r->backing.nodes, 0, sizeof(r->backing.nodes));
	r->config.commit_now = r->config.sanitize = false;
	r->config.retain_percent = RETAIN_PERCENT_DEFAULT;
	r->config.scavenge_delay_usec = DELAY_USEC_DEFAULT;
	r->config.scavenge_cpu_ppm = PPM_OF_PERCENT;
}

int backing_kind_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	(void)offset;
	for (enum backing_kind k = BACKING_NONE; k <= BACKING_FILE; k++) {
		if (strcmp(v->text, backing_kind_name(k)))
			continue;
		r->backing_told = k;
		return 0;
	}
	return config_value_complain(
		v,
		"%s=%s is nothing that can stand behind addresses: use none, memfd, "
		"hugetlb or file",
		v->key, v->text);
}

/* File and folder: both have PATH_MAX bytes. */
int backing_path_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	size_t n = strlen(v->text);

	if (v->text[0] != '/')
		return config_value_complain(v, "%s=%s is no absolute path: begin it with /",
					     v->key, v->text);
	if (n >= PATH_MAX)
		return config_value_complain(
			v,
			"%s= has a path of %zu bytes: %u are possible, so use a "
			"symbolic link to it",
			v->key, n, PATH_MAX - 1);
	memcpy((char *)r + offset, v->text, n + 1);
	return 0;
}

int backing_huge_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	uint64_t bytes;

	(void)offset;
	if (size_parse(v->text, &bytes) ||
	    (bytes != UINT64_C(2) << 20 && bytes != UINT64_C(1) << 30))
		return config_value_complain(v,
					     "%s=%s is no size of huge pages: use 2M or 1G, or "
					     "Backing=hugetlb alone for the system's default",
					     v->key, v->text);
	r->backing.huge_bytes = bytes;
	return 0;
}

static const struct {
	const char *word;
	enum backing_numa numa;
} policies[] = {
	{"bind:", BACKING_NUMA_BIND},
	{"interleave:", BACKING_NUMA_INTERLEAVE},
	{"preferred:", BACKING_NUMA_PREFERRED},
};

/* "default", "bind:0-1+3": in --region a comma divides keys, so a plus may stand for it. */
int backing_numa_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	struct backing_config *c = &r->backing;
	char list[256];

	(void)offset;
	c->numa = BACKING_NUMA_DEFAULT;
	memset(c->nodes, 0, sizeof(c->nodes));
	if (strcmp(v->text, "default") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		size_t n = strlen(policies[i].word);

		if (strncmp(v->text, policies[i].word, n) || strlen(v->text + n) >= sizeof(list))
			continue;
		strcpy(list, v->text + n);
		for (char *plus = strchr(list, '+'); plus; plus = strchr(plus, '+'))
			*plus = ',';
		if (!nodes_parse(list, c->nodes))
			break;
		if (policies[i].numa == BACKING_NUMA_PREFERRED && nodes_count(c->nodes) != 1)
			break;
		c->numa = policies[i].numa;
		return 0;
	}
	return config_value_complain(
		v,
		"%s=%s is no policy: use default, bind:NODES, interleave:NODES or "
		"preferred:NODE, with nodes below %u such as 0-1,3",
		v->key, v->text, BACKING_NODES_MAX);
}

int backing_commit_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	bool *now = (bool *)((char *)r + offset);

	if (strcmp(v->text, "alloc") == 0)
		*now = true;
	else if (strcmp(v->text, "lazy") == 0)
		*now = false;
	else
		return config_value_complain(
			v,
			"%s=%s does not say when there shall be memory: use lazy "
			"(when it is touched) or alloc (before the reply)",
			v->key, v->text);
	return 0;
}

/*
 * "10", "0.25", "12.5%" into ten-thousandths of a percent, up to 100 percent. Return: false: that is none.
 */
static bool percent_parse(const char *text, bool fraction, uint32_t *ret_ppm)
{
	uint32_t ppm = 0, unit = PPM_OF_PERCENT;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && ppm <= 100 * PPM_OF_PERCENT; p++)
		ppm = ppm * 10 + (uint32_t)(*p - '0') * PPM_OF_PERCENT;
	if (p == text)
		return false;
	if (fraction && *p == '.') {
		if (p[1] < '0' || p[1] > '9')
			return false;
		for (p++; *p >= '0' && *p <= '9' && unit > 1; p++)
			ppm += (uint32_t)(*p - '0') * (unit /= 10);
	}
	if (*p == '%')
		p++;
	if (*p || ppm > 100 * PPM_OF_PERCENT)
		return false;
	*ret_ppm = ppm;
	return true;
}

int backing_retain_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	uint32_t ppm;

	(void)offset;
	if (!percent_parse(v->text, false, &ppm))
		return config_value_complain(
			v,
			"%s=%s is no part of the peak: write 0 to 100 percent, such "
			"as 10%%",
			v->key, v->text);
	r->config.retain_percent = ppm / PPM_OF_PERCENT;
	return 0;
}

/* As other times, but it may be none. */
int backing_delay_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	uint64_t usec;

	if (duration_parse(v->text, &usec) || usec)
		return config_usec(v, (uint64_t *)((char *)r + offset));
	r->config.scavenge_delay_usec = 0;
	return 0;
}

int backing_cpu_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	(void)offset;
	if (!percent_parse(v->text, true, &r->config.scavenge_cpu_ppm))
		return config_value_complain(v,
					     "%s=%s is no part of a processor: write 0.0001 to 100 "
					     "percent, such as 0.5%%, or 0 for no limit",
					     v->key, v->text);
	return 0;
}

static bool is_set(const struct config_region *r, size_t offset)
{
	return r->keys_set & config_region_bit(offset);
}

/* A key that goes with @kind, beside one that says that it is another. */
static int contradiction(const struct config_region *r, size_t offset, enum backing_kind kind)
{
	size_t other = is_set(r, AT(backing_told)) ? AT(backing_told) : AT(backing.path);

	return config_region_complain(
		r,
		"region '%s': %s= goes with %s=%s alone, and there is another %s=: "
		"leave one of them out",
		r->config.name, config_region_spelling(r, offset),
		config_region_spelling(r, AT(backing_told)), backing_kind_name(kind),
		config_region_spelling(r, other));
}

/* What the places before said about another kind than @kind. */
static void forget(struct config_region *r, enum backing_kind kind)
{
	static const size_t of_kind[] = {AT(backing_told), AT(backing.path), AT(backing.huge_bytes),
					 AT(backing.folder)};

	for (size_t i = 0; i < ARRAY_SIZE(of_kind); i++) {
		if (!is_set(r, of_kind[i]))
			config_region_forget(r, of_kind[i]);
	}
	if (!is_set(r, AT(backing.path)))
		r->backing.path[0] = '\0';
	if (!is_set(r, AT(backing.huge_bytes)))
		r->backing.huge_bytes = 0;
	if (!is_set(r, AT(backing.folder)))
		r->backing.folder[0] = '\0';
	if (kind != BACKING_NONE)
		return;
	/* Where this place sets one of them, that is refused, whatever it is. */
	config_backing_defaults(r);
	for (size_t i = 0; i < ARRAY_SIZE(of_memory); i++) {
		if (!is_set(r, of_memory[i]))
			config_region_forget(r, of_memory[i]);
	}
}

bool config_backing_is_memory(size_t offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_memory); i++) {
		if (of_memory[i] == offset)
			return true;
	}
	return false;
}

int config_backing_settle(struct config_region *r)
{
	bool path = is_set(r, AT(backing.path)), huge = is_set(r, AT(backing.huge_bytes));
	enum backing_kind kind = r->backing.kind;

	if (is_set(r, AT(backing_told)))
		kind = r->backing_told;
	else if (path)
		kind = BACKING_FILE;
	else if (huge)
		kind = BACKING_HUGETLB;
	if (path && kind != BACKING_FILE)
		return contradiction(r, AT(backing.path), BACKING_FILE);
	if (huge && kind != BACKING_HUGETLB)
		return contradiction(r, AT(backing.huge_bytes), BACKING_HUGETLB);
	if (kind != r->backing.kind)
		forget(r, kind);
	r->backing.kind = kind;
	return 0;
}

int config_backing_check(const struct config_region *r)
{
	const char *backing = config_region_spelling(r, AT(backing_told));
	const char *file = config_region_spelling(r, AT(backing.path));

	if (r->backing.kind == BACKING_FILE && !r->backing.path[0])
		return config_region_complain(r,
					      "region '%s': %s=file does not say which file: add "
					      "%s=PATH",
					      r->config.name, backing, file);
	if (r->backing.kind != BACKING_NONE && r->backing.kind != BACKING_FILE &&
	    r->backing.folder[0])
		return config_region_complain(
			r,
			"region '%s': %s= is for files, and %s is none: leave it "
			"out, or add %s=PATH",
			r->config.name, config_region_spelling(r, AT(backing.folder)),
			backing_kind_name(r->backing.kind), file);
	for (size_t i = 0; r->backing.kind == BACKING_NONE && i < ARRAY_SIZE(of_memory); i++) {
		if (!(r->keys_ever & config_region_bit(of_memory[i])))
			continue;
		return config_region_complain(
			r,
			"region '%s': %s= is about memory, and there is none behind "
			"its addresses: leave it out, or say what there shall be, "
			"such as %s=memfd",
			r->config.name, config_region_spelling(r, of_memory[i]), backing);
	}
	return 0;
}
