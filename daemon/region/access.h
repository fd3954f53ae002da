/*
 * access - who may do what in a region
 *
 * Role:       rules of the configuration, and what they come to for one peer. The daemon's own user and root may do everything;
 *             who else may what, the rules say, and where a region has none, ACCESS_DEFAULT.
 * Uses:       base/
 */
#ifndef PALLOCD_REGION_ACCESS_H
#define PALLOCD_REGION_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"

/* Bits; the wire's enum Right counts the same rights from 1. */
enum access_right {
	ACCESS_ALLOC = 1 << 0,
	ACCESS_ATTACH_RO = 1 << 1,
	ACCESS_ATTACH_RW = 1 << 2, /* implies ACCESS_ATTACH_RO */
	ACCESS_FREE_ANY = 1 << 3,
	ACCESS_GROW = 1 << 4,
	ACCESS_ADMIN = 1 << 5,
};
#define ACCESS_ALL ((1u << 6) - 1)
#define ACCESS_DEFAULT (ACCESS_ALLOC | ACCESS_ATTACH_RO | ACCESS_ATTACH_RW)

/* Rules that one region may have. */
#define ACCESS_RULES_MAX 64u

enum access_who { ACCESS_EVERYONE, ACCESS_USER, ACCESS_GROUP };

struct access_rule {
	enum access_who who;
	uint32_t id; /* uid or gid */
	unsigned rights;
};

/* Who is on the other side of a connection, as the kernel says. */
struct session_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const gid_t *groups; /* supplementary ones; the connection's memory */
	uint32_t ngroups;
	char command[16]; /* of the process; "" where that could not be read */
};

/** access_rights() - bits of enum access_right: the union of all rules that are about @peer. */
unsigned access_rights(const struct access_rule *rules, size_t n, const struct session_peer *peer,
		       uid_t daemon_uid);

/** access_right_parse() - "alloc", "attach-ro", "attach-rw", "free-any", "grow", "admin", "all". Return: bits; 0 for another word. */
unsigned access_right_parse(const char *word);

/** access_right_name() - the word for one bit. Static string. */
const char *access_right_name(enum access_right right);

#endif
