/*
 * access - who may do what: processes of several users and groups, and a daemon of none of them
 *
 * Role:       regions with rules of each kind; what they come to for users, groups, supplementary groups, root and the daemon's own
 *             user; and that each verb needs the right that the manual says.
 * Uses:       tests/e2e/daemon/daemon.h, actor.h
 */
#include "tests/e2e/daemon/actor.h"
#include "tests/e2e/daemon/daemon.h"
#include "tests/unit/suite.h"

/* Nobody's, as far as that can be known; rules name them by number, so that they need not exist. */
#define UID_DAEMON 60001u
#define UID_NAMED 60010u
#define UID_OTHER 60020u
#define GID_NAMED 60100u
#define GID_OTHER 60101u

#define ROW_ACTOR(who, user, group, list)                                       \
	{                                                                       \
		.name = (who), .uid = (user), .gid = (group), .groups = (list), \
		.ngroups = ARRAY_SIZE(list)                                     \
	}

static const gid_t no_groups[] = {UID_OTHER};
static const gid_t other_groups[] = {GID_OTHER, 60102};
static const gid_t named_groups[] = {GID_OTHER, 60102, GID_NAMED};
/* More than the daemon could ask for in one go without knowing how many there are; written by main(). */
static gid_t many_groups[4096];

enum { STRANGER, NAMED, MEMBER, SUPPLEMENTARY, MANY, NAMED_MEMBER, OPERATOR, DAEMON, NACTORS };

static const struct actor actors[NACTORS] = {
	[STRANGER] = ROW_ACTOR("a stranger", UID_OTHER, GID_OTHER, other_groups),
	[NAMED] = ROW_ACTOR("the named user", UID_NAMED, UID_NAMED, no_groups),
	[MEMBER] = ROW_ACTOR("a member", UID_OTHER, GID_NAMED, no_groups),
	[SUPPLEMENTARY] = ROW_ACTOR("a supplementary member", UID_OTHER, GID_OTHER, named_groups),
	[MANY] = ROW_ACTOR("a member of many groups", UID_OTHER, GID_OTHER, many_groups),
	[NAMED_MEMBER] = ROW_ACTOR("the named user, as a member", UID_NAMED, GID_OTHER,
				   named_groups),
	[OPERATOR] = ROW_ACTOR("root", 0, 0, no_groups),
	[DAEMON] = ROW_ACTOR("the daemon's own user", UID_DAEMON, UID_DAEMON, no_groups),
};

/* Rights as the wire counts them. */
#define BIT(right) (1u << PALLOCD__V1__RIGHT__RIGHT_##right)
#define A BIT(ALLOC)
#define RO BIT(ATTACH_RO)
#define RW (BIT(ATTACH_RW) | RO)
#define FA BIT(FREE_ANY)
#define G BIT(GROW)
#define AD BIT(ADMIN)
#define ALL (A | RW | FA | G | AD)

#define REGION "initial=16M,limit=64M"

static const struct rules_case {
	const char *region;
	unsigned rights[NACTORS];
} rules_cases[] = {
	/* stranger, named, member, supplementary, many, named member, root, daemon */
	{"none," REGION, {A | RW, A | RW, A | RW, A | RW, A | RW, A | RW, ALL, ALL}},
	{"user," REGION ",allow=60010:alloc+grow", {0, A | G, 0, 0, 0, A | G, ALL, ALL}},
	{"group," REGION ",allow=@60100:attach-rw", {0, 0, RW, RW, RW, RW, ALL, ALL}},
	{"everyone," REGION ",allow=*:attach-ro", {RO, RO, RO, RO, RO, RO, ALL, ALL}},
	{"sum," REGION ",allow=*:attach-ro,allow=@60100:alloc,allow=60010:admin+free-any",
	 {RO, RO | AD | FA, A | RO, A | RO, A | RO, A | RO | AD | FA, ALL, ALL}},
	{"operators," REGION ",allow=root:all", {0, 0, 0, 0, 0, 0, ALL, ALL}},
	/* A user's number is no group's. */
	{"mixed," REGION ",allow=60100:alloc,allow=@60010:grow", {0, G, 0, 0, 0, 0, ALL, ALL}},
};

static struct daemon_process d;

static void daemon_begin(const char *region)
{
	daemon_place(&d);
	daemon_give(&d, UID_DAEMON);
	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--socket-mode", "0666",
					      "--region", region, NULL});
	close(wire_connect(d.path));
}

/* What the daemon says that the caller may. */
static unsigned rights_told(int fd)
{
	Pallocd__V1__ListRegions m = PALLOCD__V1__LIST_REGIONS__INIT;
	Reply *reply = wire_call(fd, &REQUEST(9, LIST_REGIONS, list_regions, &m));
	unsigned rights = 0;

	WIRE_MUST(!reply->status, "%s", reply->message);
	ck_assert_uint_eq(reply->list_regions->n_regions, 1);
	for (size_t i = 0; i < reply->list_regions->regions[0]->n_rights; i++)
		rights |= 1u << reply->list_regions->regions[0]->rights[i];
	wire_done(reply);
	return rights;
}

START_TEST(rules_come_to_rights)
{
	const struct rules_case *c = &rules_cases[_i];

	daemon_begin(c->region);
	for (unsigned i = 0; i < NACTORS; i++) {
		int fd = actor_open(&actors[i], d.path);
		unsigned told = rights_told(fd), status;
		uint64_t addr;

		ck_assert_msg(told == c->rights[i], "%s: %s: wanted rights %#x, got %#x", c->region,
			      actors[i].name, c->rights[i], told);
		/* And it is so. */
		status = wire_alloc(fd, 1, 0, &addr);
		ck_assert_msg(status == (told & A ? PALLOCD_OK : PALLOCD_DENIED),
			      "%s: %s: Alloc gives %s", c->region, actors[i].name,
			      pallocd_status_name(status));
		close(fd);
	}
	daemon_stop(&d);
}
END_TEST

/* An extent of the operator's that the verbs below are tried on; it goes back at the end. */
static uint64_t operators_addr;
#define OPERATORS_NPAGES 8u

static struct answer ask_alloc(int fd, uint64_t npages, int lifetime)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.lifetime = (Pallocd__V1__Lifetime)lifetime;
	return actor_ask(fd, &REQUEST(10, ALLOC, alloc, &m));
}

static struct answer try_alloc(int fd)
{
	return ask_alloc(fd, 1, PALLOCD__V1__LIFETIME__SESSION);
}

static struct answer try_free(int fd)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	uint64_t addr = operators_addr + (OPERATORS_NPAGES - 1) * 4096, npages = 1;

	m.region_id = 1;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	return actor_ask(fd, &REQUEST(11, FREE, free, &m));
}

static struct answer try_grow(int fd)
{
	Pallocd__V1__Grow m = PALLOCD__V1__GROW__INIT;

	m.region_id = 1;
	m.npages = 512;
	return actor_ask(fd, &REQUEST(12, GROW, grow, &m));
}

static struct answer try_shrink(int fd)
{
	Pallocd__V1__Shrink m = PALLOCD__V1__SHRINK__INIT;

	m.region_id = 1;
	m.npages = 512;
	return actor_ask(fd, &REQUEST(13, SHRINK, shrink, &m));
}

/* In the second chunk, where nobody is. */
static struct answer try_drain(int fd)
{
	Pallocd__V1__Drain m = PALLOCD__V1__DRAIN__INIT;
	struct answer a;

	m.region_id = 1;
	m.addr = 512 * 4096;
	m.npages = 16;
	a = actor_ask(fd, &REQUEST(14, DRAIN, drain, &m));
	m.undo = true;
	return a.status ? a : actor_ask(fd, &REQUEST(14, DRAIN, drain, &m));
}

static struct answer try_reserve(int fd)
{
	Pallocd__V1__Reserve m = PALLOCD__V1__RESERVE__INIT;
	struct answer a;

	m.region_id = 1;
	m.addr = 512 * 4096;
	m.npages = 16;
	a = actor_ask(fd, &REQUEST(15, RESERVE, reserve, &m));
	m.undo = true;
	return a.status ? a : actor_ask(fd, &REQUEST(15, RESERVE, reserve, &m));
}

static struct answer try_share(int fd)
{
	Pallocd__V1__Share m = PALLOCD__V1__SHARE__INIT;
	Pallocd__V1__Release r = PALLOCD__V1__RELEASE__INIT;
	struct answer a;

	m.region_id = r.region_id = 1;
	m.addr = r.addr = operators_addr;
	a = actor_ask(fd, &REQUEST(16, SHARE, share, &m));
	return a.status ? a : actor_ask(fd, &REQUEST(17, RELEASE, release, &r));
}

static struct answer try_annotate(int fd)
{
	Pallocd__V1__Annotate m = PALLOCD__V1__ANNOTATE__INIT;

	m.region_id = 1;
	m.addr = operators_addr;
	m.set_label = true;
	m.label = (char *)"seen";
	return actor_ask(fd, &REQUEST(18, ANNOTATE, annotate, &m));
}

/* And joined again. */
static struct answer try_split_join(int fd)
{
	Pallocd__V1__Split s = PALLOCD__V1__SPLIT__INIT;
	Pallocd__V1__Join j = PALLOCD__V1__JOIN__INIT;
	struct answer a;

	s.region_id = j.region_id = 1;
	s.addr = operators_addr + 4096;
	j.addr = operators_addr;
	j.npages = OPERATORS_NPAGES;
	a = actor_ask(fd, &REQUEST(19, SPLIT, split, &s));
	return a.status ? a : actor_ask(fd, &REQUEST(20, JOIN, join, &j));
}

static struct answer try_join(int fd)
{
	Pallocd__V1__Join j = PALLOCD__V1__JOIN__INIT;

	j.region_id = 1;
	j.addr = operators_addr;
	j.npages = OPERATORS_NPAGES;
	return actor_ask(fd, &REQUEST(20, JOIN, join, &j));
}

static struct answer try_resize(int fd)
{
	Pallocd__V1__Resize m = PALLOCD__V1__RESIZE__INIT;

	m.region_id = 1;
	m.addr = operators_addr;
	m.npages = OPERATORS_NPAGES;
	return actor_ask(fd, &REQUEST(21, RESIZE, resize, &m));
}

static struct answer try_handover(int fd)
{
	Pallocd__V1__Handover m = PALLOCD__V1__HANDOVER__INIT;

	m.region_id = 1;
	m.addr = operators_addr;
	m.to_user = true;
	m.uid = UID_OTHER;
	return actor_ask(fd, &REQUEST(22, HANDOVER, handover, &m));
}

static struct answer try_list(int fd)
{
	Pallocd__V1__List m = PALLOCD__V1__LIST__INIT;

	m.region_id = 1;
	return actor_ask(fd, &REQUEST(23, LIST, list, &m));
}

static struct answer try_info(int fd)
{
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;

	m.region_id = 1;
	return actor_ask(fd, &REQUEST(24, REGION_INFO, region_info, &m));
}

static struct answer try_quotas(int fd)
{
	Pallocd__V1__Quotas m = PALLOCD__V1__QUOTAS__INIT;

	m.region_id = 1;
	return actor_ask(fd, &REQUEST(25, QUOTAS, quotas, &m));
}

/* One right for each user from here on, and a last one that has none. */
#define UID_RIGHTS 60200u

static const struct {
	const char *word;
	unsigned bits;
} words[] = {
	{"alloc", A}, {"attach-ro", RO}, {"attach-rw", RW}, {"free-any", FA},
	{"grow", G},  {"admin", AD},     {"all", ALL},
};

static const struct verb_case {
	const char *verb;
	struct answer (*attempt)(int fd);
	unsigned needs;    /* all of them; 0: any right */
	unsigned status;   /* without */
	const char *field; /* that the refusal names */
} verb_cases[] = {
	{"Alloc", try_alloc, A, PALLOCD_DENIED, "alloc"},
	{"Grow", try_grow, G, PALLOCD_DENIED, "grow"},
	{"Shrink", try_shrink, AD, PALLOCD_DENIED, "admin"},
	{"Drain", try_drain, AD, PALLOCD_DENIED, "admin"},
	{"Reserve", try_reserve, AD, PALLOCD_DENIED, "admin"},
	{"Share", try_share, RO, PALLOCD_DENIED, "attach-ro"},
	{"Free", try_free, FA, PALLOCD_NOT_OWNER, NULL},
	{"Annotate", try_annotate, FA, PALLOCD_NOT_OWNER, NULL},
	{"Split", try_split_join, FA, PALLOCD_NOT_OWNER, NULL},
	{"Join", try_join, FA, PALLOCD_NOT_OWNER, NULL},
	{"Resize", try_resize, A | FA, 0, NULL},
	{"Handover", try_handover, AD | FA, 0, NULL},
	{"List", try_list, 0, PALLOCD_DENIED, "any"},
	{"RegionInfo", try_info, 0, PALLOCD_DENIED, "any"},
	{"Quotas", try_quotas, 0, PALLOCD_DENIED, "any"},
};

/* Refused before anybody looks whose it is, or then. */
static bool refused_well(const struct verb_case *c, const struct answer *a, unsigned rights)
{
	if (!c->status)
		return a->status == (rights & c->needs & ~FA ? PALLOCD_NOT_OWNER : PALLOCD_DENIED);
	if (!rights)
		return a->status == PALLOCD_DENIED;
	return a->status == c->status && (!c->field || strcmp(a->field, c->field) == 0);
}

static void verb_try(const struct verb_case *c, const char *word, uid_t uid, unsigned rights)
{
	const struct actor actor = {.name = word, .uid = uid, .gid = uid};
	int fd = actor_open(&actor, d.path);
	struct answer a = c->attempt(fd);
	bool may = c->needs ? (rights & c->needs) == c->needs : rights != 0;

	if (may)
		ck_assert_msg(a.status == PALLOCD_OK, "%s with %s: %s: %s", c->verb, word,
			      pallocd_status_name(a.status), a.message);
	else
		ck_assert_msg(refused_well(c, &a, rights), "%s with %s: got %s, %s: %s", c->verb,
			      word, pallocd_status_name(a.status), a.field, a.message);
	close(fd);
}

START_TEST(each_verb_needs_its_right)
{
	const struct verb_case *c = &verb_cases[_i];
	char region[400] = "verbs," REGION;
	int fd;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		snprintf(region + strlen(region), sizeof(region) - strlen(region), ",allow=%u:%s",
			 UID_RIGHTS + i, words[i].word);
	daemon_begin(region);
	fd = actor_open(&actors[OPERATOR], d.path);
	for (unsigned i = 0; i <= ARRAY_SIZE(words); i++) {
		bool last = i == ARRAY_SIZE(words);
		struct answer a = ask_alloc(fd, OPERATORS_NPAGES, PALLOCD__V1__LIFETIME__SESSION);

		ck_assert_msg(a.status == PALLOCD_OK, "%s", a.message);
		operators_addr = a.addr;
		verb_try(c, last ? "none" : words[i].word, UID_RIGHTS + i,
			 last ? 0 : words[i].bits);
	}
	/* Who may all. */
	operators_addr = ask_alloc(fd, OPERATORS_NPAGES, PALLOCD__V1__LIFETIME__SESSION).addr;
	verb_try(c, "root", 0, ALL);
	operators_addr = ask_alloc(fd, OPERATORS_NPAGES, PALLOCD__V1__LIFETIME__SESSION).addr;
	verb_try(c, "the daemon's own user", UID_DAEMON, ALL);
	close(fd);
	daemon_stop(&d);
}
END_TEST

/* The socket's file decides first. */
START_TEST(the_socket_mode_keeps_others_out)
{
	int status;
	pid_t pid;

	daemon_place(&d);
	daemon_give(&d, UID_DAEMON);
	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--socket-mode", "0600",
					      "--region", "a," REGION, NULL});
	close(wire_connect(d.path));
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		WIRE_MUST(actor_become(&actors[STRANGER]), "setuid: %s", strerror(errno));
		_exit(wire_try_connect(d.path) < 0 && errno == EACCES ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a stranger was let in");
	close(actor_open(&actors[DAEMON], d.path));
	daemon_stop(&d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tc = tcase_create("access");

	if (actor_skip(&actors[SUPPLEMENTARY]))
		return ACTOR_SKIPPED;
	for (unsigned i = 0; i < ARRAY_SIZE(many_groups); i++)
		many_groups[i] = 70000 + i;
	many_groups[ARRAY_SIZE(many_groups) - 1] = GID_NAMED;
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, rules_come_to_rights, 0, (int)ARRAY_SIZE(rules_cases));
	tcase_add_loop_test(tc, each_verb_needs_its_right, 0, (int)ARRAY_SIZE(verb_cases));
	tcase_add_test(tc, the_socket_mode_keeps_others_out);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
