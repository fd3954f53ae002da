/*
 * access - who may do what in a region
 *
 * Role:       see access.h.
 * Uses:       base/
 */
#include "region/access.h"

#include <string.h>

static const struct {
	enum access_right right;
	const char *word;
} words[] = {
	{ACCESS_ALLOC, "alloc"},         {ACCESS_ATTACH_RO, "attach-ro"},
	{ACCESS_ATTACH_RW, "attach-rw"}, {ACCESS_FREE_ANY, "free-any"},
	{ACCESS_GROW, "grow"},           {ACCESS_ADMIN, "admin"},
};

static bool in_group(const struct session_peer *peer, gid_t gid)
{
	if (peer->gid == gid)
		return true;
	for (uint32_t i = 0; i < peer->ngroups; i++) {
		if (peer->groups[i] == gid)
			return true;
	}
	return false;
}

static bool rule_is_about(const struct access_rule *rule, const struct session_peer *peer)
{
	switch (rule->who) {
	case ACCESS_EVERYONE:
		return true;
	case ACCESS_USER:
		return peer->uid == rule->id;
	case ACCESS_GROUP:
		return in_group(peer, rule->id);
	}
	return false;
}

unsigned access_rights(const struct access_rule *rules, size_t n, const struct session_peer *peer,
		       uid_t daemon_uid)
{
	unsigned rights = n ? 0 : ACCESS_DEFAULT;

	if (peer->uid == 0 || peer->uid == daemon_uid)
		return ACCESS_ALL;
	for (size_t i = 0; i < n; i++) {
		if (rule_is_about(&rules[i], peer))
			rights |= rules[i].rights;
	}
	return rights & ACCESS_ATTACH_RW ? rights | ACCESS_ATTACH_RO : rights;
}

unsigned access_right_parse(const char *word)
{
	if (strcmp(word, "all") == 0)
		return ACCESS_ALL;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i].word) == 0)
			return words[i].right;
	}
	return 0;
}

const char *access_right_name(enum access_right right)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].right == right)
			return words[i].word;
	}
	return "unknown";
}
