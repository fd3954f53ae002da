/*
 * test_jobs - work on other threads
 *
 * Role:       unit tests of net/jobs, on a loop of the test's own, with one thread in the pool, so that what has begun is known; and of
 *             a daemon whose requests with an id from TAKES_LONG on wait for a job: rpc_serve() and rpc_conn_close() are wrapped by the
 *             linker for that.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#include "net/jobs.h"

#define TAKES_LONG UINT64_C(1000)

struct step {
	struct rpc_job job;
	sem_t begun, go; /* it posts the one, and waits for the other if it blocks */
	bool blocks;
	pthread_t thread;
	unsigned nworked, ndone;
	unsigned order;    /* it was the so many-th to be done, from 1 */
	struct step *next; /* submitted when it is done */
	int next_err;
};

static uv_loop_t loop;
static struct jobs jobs;
static unsigned ndone, nafter;

static void on_after(struct jobs *js)
{
	ck_assert_ptr_eq(js, &jobs);
	nafter++;
}

static void step_work(struct rpc_job *job)
{
	struct step *s = CONTAINER_OF(job, struct step, job);

	s->thread = pthread_self();
	s->nworked++;
	sem_post(&s->begun);
	if (s->blocks)
		sem_wait(&s->go);
}

static void step_done(struct rpc_job *job)
{
	struct step *s = CONTAINER_OF(job, struct step, job);

	s->ndone++;
	s->order = ++ndone;
	ck_assert_uint_eq(nafter + 1, ndone);
	if (s->nworked)
		ck_assert(!pthread_equal(s->thread, pthread_self()));
	if (s->next)
		s->next_err = jobs_submit(&jobs, &s->next->job);
}

static void step_init(struct step *s)
{
	*s = (struct step){.job = {.work = step_work, .done = step_done, .cancelled = true}};
	sem_init(&s->begun, 0, 0);
	sem_init(&s->go, 0, 0);
}

static void one_thread(void)
{
	ck_assert_int_eq(setenv("UV_THREADPOOL_SIZE", "1", 1), 0);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	jobs_init(&jobs, &loop, on_after);
	ndone = nafter = 0;
}

static void loop_end(void)
{
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	ck_assert(list_empty(&jobs.list));
	ck_assert_uint_eq(nafter, ndone);
}

static void assert_worked(const struct step *s, unsigned order)
{
	ck_assert_uint_eq(s->nworked, 1);
	ck_assert_uint_eq(s->ndone, 1);
	ck_assert_uint_eq(s->order, order);
	ck_assert(!s->job.cancelled);
}

static void assert_cancelled(const struct step *s)
{
	ck_assert_uint_eq(s->nworked, 0);
	ck_assert_uint_eq(s->ndone, 1);
	ck_assert(s->job.cancelled);
}

static unsigned nthreads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	ck_assert_ptr_nonnull(tasks);
	for (const struct dirent *d; (d = readdir(tasks)) != NULL;)
		n += d->d_name[0] != '.';
	closedir(tasks);
	return n;
}

/* The first job does not wait for threads to be made. */
START_TEST(threads_are_there_before_jobs)
{
	unsigned before = nthreads();
	struct step s;

	one_thread();
	ck_assert_uint_eq(nthreads(), before);
	jobs_begin(&jobs);
	ck_assert_uint_eq(nthreads(), before + 1);
	step_init(&s);
	ck_assert_int_eq(jobs_submit(&jobs, &s.job), 0);
	ck_assert_uint_eq(nthreads(), before + 1);
	loop_end();
	assert_worked(&s, 1);
}
END_TEST

START_TEST(done_in_order_on_the_loop)
{
	struct step s[20];

	one_thread();
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		step_init(&s[i]);
		ck_assert_int_eq(jobs_submit(&jobs, &s[i].job), 0);
	}
	/* Not within the call, although the work may be over. */
	sem_wait(&s[ARRAY_SIZE(s) - 1].begun);
	ck_assert_uint_eq(ndone, 0);
	loop_end();
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		assert_worked(&s[i], i + 1);
}
END_TEST

START_TEST(one_brings_the_next)
{
	struct step s[3];

	one_thread();
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		step_init(&s[i]);
		s[i].next = i + 1 < ARRAY_SIZE(s) ? &s[i + 1] : NULL;
	}
	ck_assert_int_eq(jobs_submit(&jobs, &s[0].job), 0);
	loop_end();
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		assert_worked(&s[i], i + 1);
}
END_TEST

START_TEST(no_memory_for_one)
{
	struct step s;

	one_thread();
	step_init(&s);
	mem_fail_after(0);
	ck_assert_int_eq(jobs_submit(&jobs, &s.job), -ENOMEM);
	mem_fail_after(-1);
	loop_end();
	ck_assert_uint_eq(s.nworked + s.ndone, 0);
}
END_TEST

/* One whose work is over, one at work, two that wait, and two that come too late. */
START_TEST(a_stop_in_each_state)
{
	struct step over, at_work, waits[2], late[2];

	one_thread();
	step_init(&over);
	step_init(&at_work);
	step_init(&late[0]);
	step_init(&late[1]);
	at_work.blocks = true;
	at_work.next = &late[0];
	ck_assert_int_eq(jobs_submit(&jobs, &over.job), 0);
	ck_assert_int_eq(jobs_submit(&jobs, &at_work.job), 0);
	for (int i = 0; i < 2; i++) {
		step_init(&waits[i]);
		ck_assert_int_eq(jobs_submit(&jobs, &waits[i].job), 0);
	}
	sem_wait(&at_work.begun);
	jobs_stop(&jobs);
	ck_assert_uint_eq(ndone, 0);
	ck_assert_int_eq(jobs_submit(&jobs, &late[1].job), -ECANCELED);
	/* All but the one that blocks. */
	while (ndone < 3)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_uint_eq(at_work.ndone, 0);
	sem_post(&at_work.go);
	loop_end();
	ck_assert(!over.job.cancelled);
	ck_assert_uint_eq(over.ndone, 1);
	assert_worked(&at_work, 4);
	assert_cancelled(&waits[0]);
	assert_cancelled(&waits[1]);
	ck_assert_int_eq(at_work.next_err, -ECANCELED);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(late[i].nworked + late[i].ndone, 0);
}
END_TEST

/* A daemon's job, on behalf of a connection. */
struct long_job {
	struct rpc_job job;
	struct rpc_conn *conn; /* NULL: it is closed */
	bool done;
};

static struct shared {
	pid_t daemon;
	sem_t begun, go;
	_Atomic unsigned nworked, ndone, ncancelled;
} * shared;

static struct long_job *long_jobs[8];

int __real_rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
		     size_t *ret_used, size_t *ret_need);
int __wrap_rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
		     size_t *ret_used, size_t *ret_need);
void __real_rpc_conn_close(struct rpc_conn *conn, enum session_cause cause);
void __wrap_rpc_conn_close(struct rpc_conn *conn, enum session_cause cause);

static void long_work(struct rpc_job *job)
{
	(void)job;
	shared->nworked++;
	sem_post(&shared->begun);
	sem_wait(&shared->go);
}

static void long_done(struct rpc_job *job)
{
	struct long_job *l = CONTAINER_OF(job, struct long_job, job);

	shared->ndone++;
	shared->ncancelled += job->cancelled;
	l->done = true;
	if (l->conn)
		l->conn->rpc->ops->wake(l->conn);
	else
		mem_free(l);
}

static struct long_job **long_job_of(const struct rpc_conn *conn)
{
	for (size_t i = 0; i < ARRAY_SIZE(long_jobs); i++)
		if (conn ? long_jobs[i] && long_jobs[i]->conn == conn : !long_jobs[i])
			return &long_jobs[i];
	return NULL;
}

/* Return: 0, or RPC_E_WAIT while the job is not done. */
static int long_job_await(struct rpc_conn *conn)
{
	struct long_job **at = long_job_of(conn);

	if (at && (*at)->done) {
		mem_free(*at);
		*at = NULL;
		return 0;
	}
	if (!at) {
		at = long_job_of(NULL);
		WIRE_MUST(at, "too many jobs");
		*at = mem_zalloc(1, sizeof(**at));
		WIRE_MUST(*at, "no memory");
		(*at)->job.work = long_work;
		(*at)->job.done = long_done;
		(*at)->conn = conn;
		WIRE_MUST(!conn->rpc->ops->submit(conn->rpc, &(*at)->job), "no job");
	}
	return RPC_E_WAIT;
}

/* The first frame of what is served, as the tests send it. */
int __wrap_rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
		     size_t *ret_used, size_t *ret_need)
{
	Request *req;
	uint64_t id = 0;
	uint32_t len;

	memcpy(&len, data, sizeof(len));
	req = pallocd__v1__request__unpack(NULL, len, data + sizeof(len));
	if (req) {
		id = req->id;
		pallocd__v1__request__free_unpacked(req, NULL);
	}
	if (id >= TAKES_LONG && long_job_await(conn)) {
		*ret_used = 0;
		return RPC_E_WAIT;
	}
	return __real_rpc_serve(conn, data, n, out, ret_used, ret_need);
}

void __wrap_rpc_conn_close(struct rpc_conn *conn, enum session_cause cause)
{
	struct long_job **at = long_job_of(conn);

	if (at) {
		(*at)->conn = NULL;
		if ((*at)->done)
			mem_free(*at);
		*at = NULL;
	}
	__real_rpc_conn_close(conn, cause);
}

static void start_one_thread(void)
{
	ck_assert_int_eq(setenv("UV_THREADPOOL_SIZE", "1", 1), 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	sem_init(&shared->begun, 1, 0);
	sem_init(&shared->go, 1, 0);
	start();
}

static void send_long(int fd, uint64_t id)
{
	static uint8_t buf[2 * 256];
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t n = wire_pack(&REQUEST(id, STAT, stat, &m), buf);

	/* What is behind it waits too. */
	n += wire_pack(&REQUEST(1, STAT, stat, &m), buf + n);
	wire_send(fd, buf, n);
}

static void assert_reply(int fd, uint64_t id)
{
	Reply *reply = wire_reply(fd);

	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->id, id);
	wire_done(reply);
}

START_TEST(others_are_served_meanwhile)
{
	struct pollfd p = {.events = POLLIN};
	int fd, other;

	start_one_thread();
	fd = p.fd = wire_open(f.path);
	other = wire_open(f.path);
	for (uint64_t round = 0; round < 3; round++) {
		send_long(fd, TAKES_LONG + round);
		sem_wait(&shared->begun);
		for (int i = 0; i < 50; i++)
			wire_done(wire_stat(other));
		ck_assert_int_eq(poll(&p, 1, 0), 0);
		sem_post(&shared->go);
		assert_reply(fd, TAKES_LONG + round);
		assert_reply(fd, 1);
	}
	ck_assert_uint_eq(shared->nworked, 3);
	ck_assert_uint_eq(shared->ndone, 3);
	close(fd);
	close(other);
	stop();
}
END_TEST

START_TEST(a_client_goes_away_meanwhile)
{
	int fd, other;

	start_one_thread();
	other = wire_open(f.path);
	fd = wire_open(f.path);
	send_long(fd, TAKES_LONG);
	sem_wait(&shared->begun);
	close(fd);
	wire_await_sessions(other, 1, 0);
	ck_assert_uint_eq(shared->ndone, 0);
	sem_post(&shared->go);
	for (int i = 0; !shared->ndone; i++) {
		ck_assert_int_lt(i, WIRE_TIMEOUT_MSEC);
		wire_sleep_msec(1);
	}
	wire_done(wire_stat(other));
	close(other);
	stop();
}
END_TEST

/* One at work, two that wait for the thread. The daemon ends after the first, and the others never begin. */
START_TEST(the_daemon_stops_meanwhile)
{
	int fd[3], status;

	start_one_thread();
	for (unsigned i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = wire_open(f.path);
		send_long(fd[i], TAKES_LONG);
		if (i == 0)
			sem_wait(&shared->begun);
	}
	/* All are submitted: a connection's request is served before that of one which connects later. */
	wire_done(wire_stat(wire_open(f.path)));
	ck_assert_int_eq(kill(f.pid, SIGTERM), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(fd); i++)
		wire_assert_end(fd[i]);
	for (int i = 0; shared->ndone < 2; i++) {
		ck_assert_int_lt(i, WIRE_TIMEOUT_MSEC);
		wire_sleep_msec(1);
	}
	ck_assert_uint_eq(shared->ncancelled, 2);
	ck_assert_int_eq(waitpid(f.pid, NULL, WNOHANG), 0);
	sem_post(&shared->go);
	ck_assert_int_eq(waitpid(f.pid, &status, 0), f.pid);
	ck_assert_msg(status == 0, "the daemon ended with %#x", (unsigned)status);
	ck_assert_int_eq(rmdir(f.dir), 0);
	ck_assert_uint_eq(shared->nworked, 1);
	ck_assert_uint_eq(shared->ndone, 3);
	ck_assert_uint_eq(shared->ncancelled, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs");
	TCase *alone = tcase_create("alone"), *tc = tcase_create("jobs");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(alone, 60);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(alone, threads_are_there_before_jobs);
	tcase_add_test(alone, done_in_order_on_the_loop);
	tcase_add_test(alone, one_brings_the_next);
	tcase_add_test(alone, no_memory_for_one);
	tcase_add_test(alone, a_stop_in_each_state);
	tcase_add_test(tc, others_are_served_meanwhile);
	tcase_add_test(tc, a_client_goes_away_meanwhile);
	tcase_add_test(tc, the_daemon_stops_meanwhile);
	suite_add_tcase(suite, alone);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
