/*
 * user - users by name and by number
 *
 * Role:       the daemon knows numbers, people know names.
 * Uses:       cli.h, the host's user database
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* The highest number is no user: calls of the kernel take it for "none". */
#define UID_HIGHEST (UINT32_MAX - 1)

int user_read(struct cli *cli)
{
	const char *text = cli->user;
	const struct passwd *pw;
	uint64_t uid;

	if (!text)
		return 0;
	if (text[0] >= '0' && text[0] <= '9') {
		if (number_parse(text, &uid) || uid > UID_HIGHEST)
			return usage_error(cli,
					   "--user: \"%s\" is no user's number: 0 to %" PRIu32
					   " are possible",
					   text, UID_HIGHEST);
		cli->uid = (uint32_t)uid;
		return 0;
	}
	errno = 0;
	pw = getpwnam(text);
	if (!pw && errno && errno != ENOENT && errno != ESRCH)
		return system_error(cli, "--user: cannot look up the user \"%s\": %s", text,
				    strerror(errno));
	if (!pw)
		return usage_error(cli,
				   "--user: there is no user \"%s\" on this host; the number "
				   "will do, too",
				   text);
	cli->uid = pw->pw_uid;
	return 0;
}

const char *user_text(uint32_t uid, char *to)
{
	/* Lists name the same few users again and again. */
	static struct {
		bool known;
		uint32_t uid;
		char text[USER_TEXT_BYTES];
	} cache[16], *at;

	at = &cache[uid % ARRAY_SIZE(cache)];
	if (!at->known || at->uid != uid) {
		const struct passwd *pw = getpwuid(uid);

		at->known = true;
		at->uid = uid;
		if (pw && strlen(pw->pw_name) < sizeof(at->text))
			strcpy(at->text, pw->pw_name);
		else
			snprintf(at->text, sizeof(at->text), "%" PRIu32, uid);
	}
	return strcpy(to, at->text);
}

void user_json(json_t *object, uint32_t uid)
{
	char text[USER_TEXT_BYTES];

	json_object_set_new(object, "uid", json_count(uid));
	json_object_set_new(object, "user", json_text(user_text(uid, text)));
}
