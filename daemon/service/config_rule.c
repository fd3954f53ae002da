/*
 * config_rule - "WHO:RIGHT,RIGHT"
 *
 * Role:       config_rule() of config_value.h.
 * Uses:       base/, region/access.h, service/name.h
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/size.h"
#include "service/config.h"
#include "service/config_value.h"
#include "service/name.h"

#define BLANKS " \t"
/* A comma divides --region's keys, so there it is a plus; it may be one in the file too. */
#define DIVIDERS ",+"

/* The highest number is no id: calls of the kernel take it for "none". */
#define ID_MAX (UINT32_MAX - 1)

/* @text without blanks at both ends; changed in place. */
static char *trim(char *text)
{
	char *p = text + strspn(text, BLANKS);
	size_t n = strlen(p);

	while (n && strchr(BLANKS, p[n - 1]))
		n--;
	p[n] = '\0';
	return p;
}

/* @name: without the @ of a group. */
static int id_set(const struct config_value *v, const char *name, bool group, uint32_t *ret_id)
{
	const char *what = group ? "group" : "user";
	uint64_t id;
	int err;

	if (*name >= '0' && *name <= '9') {
		if (number_parse(name, ID_MAX, &id))
			return config_value_complain(
				v,
				"%s=%s: '%s' is no number of a %s: write one from 0 "
				"to %" PRIu32,
				v->key, v->text, name, what, ID_MAX);
		*ret_id = (uint32_t)id;
		return 0;
	}
	err = group ? name_group(name, ret_id) : name_user(name, ret_id);
	if (err == 0 || err == -ENOMEM)
		return err;
	if (err == NAME_E_UNKNOWN)
		return config_value_complain(
			v,
			"%s=%s: there is no %s '%s' on this host: make it first, or "
			"write another name or the number",
			v->key, v->text, what, name);
	return config_value_complain(
		v,
		"%s=%s: the %s '%s' cannot be looked up: %s. Write the number, or "
		"see to nsswitch.conf",
		v->key, v->text, what, name, strerror(-err));
}

static int who_set(const struct config_value *v, const char *who, struct access_rule *rule)
{
	bool group = *who == '@';

	if (strcmp(who, "*") == 0) {
		rule->who = ACCESS_EVERYONE;
		return 0;
	}
	who += group;
	if (!*who)
		return config_value_complain(
			v,
			"%s=%s does not say who: write a user, @group, a number of "
			"either, or * for everyone before the colon",
			v->key, v->text);
	rule->who = group ? ACCESS_GROUP : ACCESS_USER;
	return id_set(v, who, group, &rule->id);
}

static int complain_right(const struct config_value *v, const char *word)
{
	const size_t n = (size_t)__builtin_popcount(ACCESS_ALL);
	char list[160] = "";

	for (size_t i = 0; i < n; i++)
		config_list_add(list, sizeof(list), i, n + 1,
				access_right_name((enum access_right)(1u << i)));
	config_list_add(list, sizeof(list), n, n + 1, "all");
	return config_value_complain(v, "%s=%s: '%s' is no right: use %s", v->key, v->text, word,
				     list);
}

static int rights_set(const struct config_value *v, char *list, struct access_rule *rule)
{
	char *item;

	while ((item = strsep(&list, DIVIDERS)) != NULL) {
		const char *word = trim(item);
		unsigned rights = access_right_parse(word);

		if (!rights)
			return complain_right(v, word);
		rule->rights |= rights;
	}
	return 0;
}

int config_rule(const struct config_value *v, struct access_rule *ret_rule)
{
	CLEANUP(mem_freep) char *copy = mem_alloc(strlen(v->text) + 1);
	struct access_rule rule = {0};
	char *colon;
	int err;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, v->text, strlen(v->text) + 1);
	colon = strchr(copy, ':');
	if (!colon)
		return config_complain(
			v->where,
			"%s=%s is no rule: write WHO:RIGHTS, such as @video:alloc or "
			"*:attach-ro",
			v->key, v->text);
	*colon = '\0';
	err = who_set(v, trim(copy), &rule);
	if (!err)
		err = rights_set(v, colon + 1, &rule);
	if (!err)
		*ret_rule = rule;
	return err;
}
