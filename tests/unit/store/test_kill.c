/*
 * test_kill - SIGKILL at any moment: the process' environment holds what was committed last
 *
 * Role:       a child lives at random and commits as fast as it can; it is killed, and its parent looks at what is written: the state of the last
 *             commit that the child has noted, or of the next one, which it finds by living the same life. Then another child goes on from there.
 * Uses:       region/, store/, check
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "play.h"
#include "tests/unit/suite.h"

/* So little that comparing is quick. */
#define USED_MAX 200u

#ifdef PALLOCD_SANITIZED
static unsigned nkills = 100;
#else
static unsigned nkills = 300;
#endif

static const struct play_config process = {
	.durability = {REGION_DURABILITY_PROCESS, REGION_DURABILITY_PROCESS,
		       REGION_DURABILITY_PROCESS},
	.death = REGION_DEATH_QUARANTINE,
};

/* Tokens are to be the same when a life is lived again: this function comes before the C library's. */
static uint64_t next_token;

ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
	(void)flags;
	memset(bytes, 0, n);
	next_token++;
	memcpy(bytes, &next_token, n < sizeof(next_token) ? n : sizeof(next_token));
	return (ssize_t)n;
}

/* What a child tells: commits that it has begun, and that are done. */
struct told {
	uint64_t begun, done;
};

static void live(struct play *p)
{
	for (uint64_t k = 1 + random_below(&p->rnd, 4); k > 0; k--)
		play_step(p);
}

static void child(struct told *t, struct play *p, struct store *s)
{
	struct store_batch *b;

	for (;;) {
		live(p);
		__atomic_store_n(&t->begun, t->begun + 1, __ATOMIC_SEQ_CST);
		if (store_commit(s, &b) || b)
			abort();
		__atomic_store_n(&t->done, t->done + 1, __ATOMIC_SEQ_CST);
	}
}

static void resume_all(struct play *p)
{
	struct session_peer peer = {.pid = getpid()};
	uint8_t token[SESSION_TOKEN_BYTES];
	struct session *s;

	list_for_each (link, &p->regions.sessions[SESSION_GRACE]) {
		s = list_entry(link, struct session, in_regions);
		peer.uid = s->owner.uid;
		peer.gid = s->gid;
		memcpy(token, s->token, sizeof(token));
		ck_assert_int_eq(session_resume(&p->regions, &peer, token, p->now, &s), 0);
		/* They are not to become more and more. */
		if (p->regions.nsessions[SESSION_OPEN] > PLAY_SESSIONS_MAX)
			session_end(s, SESSION_ASKED, p->now);
	}
}

/* Until the child has done some commits, and then some instructions. */
static void wait_for(const struct told *t, struct random *rnd)
{
	uint64_t target = random_below(rnd, 8);
	volatile uint64_t spin = random_below(rnd, 5000);

	while (__atomic_load_n(&t->done, __ATOMIC_SEQ_CST) < target)
		usleep(20);
	while (spin)
		spin--;
}

static void kill_child(pid_t pid, const struct told *t, struct random *rnd)
{
	int status;

	wait_for(t, rnd);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* @p, as it was when the child was made, lives the child's life again. @got: what was found. Return: the next commit is there too. */
static bool compare(struct play *p, const struct told *t, char *got)
{
	char *text;

	for (uint64_t n = 0; n < t->done; n++)
		live(p);
	text = play_text(p, REGION_DURABILITIES);
	if (t->begun == t->done || !strcmp(text, got)) {
		play_same(text, got);
		return false;
	}
	free(text);
	live(p);
	play_same(play_text(p, REGION_DURABILITIES), got);
	return true;
}

START_TEST(test_kill)
{
	struct told *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
	static struct play lives[2];
	struct play *p = &lives[0];
	unsigned long ncommits = 0, ninside = 0, nnext = 0;
	char *dir = play_dir();
	struct random rnd;
	struct store *s;

	ck_assert_ptr_ne(t, MAP_FAILED);
	random_init(&rnd, "test_kill");
	p->rnd = rnd;
	s = play_load(p, &process, dir, false);
	p->used_max = USED_MAX;
	for (unsigned i = 0; i < nkills; i++) {
		struct play *next = &lives[(i + 1) % 2];
		uint64_t token;
		pid_t pid;

		*t = (struct told){0};
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (!pid)
			child(t, p, s);
		kill_child(pid, t, &rnd);
		/* Closing writes nothing. What is loaded has tokens of its own for nothing. */
		store_close(s);
		token = next_token;
		s = play_load(next, &process, dir, false);
		next_token = token;
		ncommits += t->done;
		ninside += t->begun > t->done;
		nnext += compare(p, t, play_text(next, REGION_DURABILITIES));
		next->now = p->now;
		next->request = p->request;
		next->rnd = p->rnd;
		next->used_max = p->used_max;
		play_deinit(p);
		p = next;
		resume_all(p);
		ck_assert_int_eq(play_commit(s), 0);
	}
	store_close(s);
	play_deinit(p);
	printf("test_kill: %u kills, %lu commits; %lu kills came inside of a commit, which was "
	       "there nevertheless in %lu of these\n",
	       nkills, ncommits, ninside, nnext);
	play_remove(dir);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("kill");
	TCase *tc = tcase_create("kill");

	if (argc > 1)
		nkills = (unsigned)strtoul(argv[1], NULL, 10);
	tcase_set_timeout(tc, argc > 1 ? 1200 : 60);
	tcase_add_test(tc, test_kill);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
