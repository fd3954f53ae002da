/*
 * test_backing - memory with a descriptor: sealed, committed, released, and what readers may do
 *
 * Role:       tests memfd, NUMA policies and lists of nodes.
 * Uses:       backing/, check
 */
#include <linux/mempolicy.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "backing/nodes.h"
#include "base/mem.h"
#include "tests/unit/backing/fixture.h"
#include "tests/unit/suite.h"

static const struct backing_config memfd = {.kind = BACKING_MEMFD};

START_TEST(a_memfd_is_sealed_and_as_long_as_the_limit)
{
	struct backing *b = must_open(&memfd, 64 * M, PAGE);
	const struct backing_info *info = backing_info(b);
	struct stat st;

	ck_assert_int_eq(info->kind, BACKING_MEMFD);
	ck_assert_uint_eq(info->bytes, 64 * M);
	ck_assert_uint_eq(info->page_bytes, PAGE);
	ck_assert(info->releases);
	ck_assert(info->sealed);
	assert_resident(b, 0);
	for (int write = 0; write < 2; write++) {
		ck_assert_int_eq(fstat(backing_fd(b, write), &st), 0);
		ck_assert_uint_eq((uint64_t)st.st_size, 64 * M);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
		ck_assert_int_eq(fcntl(backing_fd(b, write), F_GETFD), FD_CLOEXEC);
	}
	ck_assert_int_eq(ftruncate(backing_fd(b, true), PAGE), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(backing_fd(b, true), 65 * M), -1);
	ck_assert_int_eq(errno, EPERM);
	/* Nor can anybody forbid the others to write. */
	ck_assert_int_eq(fcntl(backing_fd(b, true), F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EPERM);
	backing_close(b);
}
END_TEST

START_TEST(memory_of_before_is_taken_over)
{
	struct backing *first = must_open(&memfd, M, PAGE), *b = NULL;
	char why[256];
	int fd = dup(backing_kept_fd(first));

	ck_assert_int_eq(pwrite(backing_fd(first, true), "x", 1, 0), 1);
	backing_close(first);
	/* Another length, another kind; what it is not, it is not made. */
	ck_assert_int_eq(backing_adopt(&memfd, 2 * M, PAGE, fd, &b, why, sizeof(why)),
			 BACKING_E_CONFIG);
	ck_assert_str_eq(why, "its memory of before has 1M, and its limit is 2M");
	ck_assert_int_eq(backing_adopt(&(struct backing_config){.kind = BACKING_FILE}, M, PAGE, fd,
				       &b, why, sizeof(why)),
			 BACKING_E_CONFIG);
	ck_assert_int_eq(backing_adopt(&memfd, M, PAGE, fd, &b, why, sizeof(why)), 0);
	ck_assert(backing_info(b)->sealed);
	ck_assert_int_eq(pread(backing_fd(b, false), why, 1, 0), 1);
	ck_assert_int_eq(why[0], 'x');
	backing_close(b);
	/* Not sealed: somebody else's. */
	fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fd, M), 0);
	ck_assert_int_eq(backing_adopt(&memfd, M, PAGE, fd, &b, why, sizeof(why)),
			 BACKING_E_CONFIG);
	ck_assert_str_eq(why, "its memory of before is not sealed as this program seals it");
	close(fd);
}
END_TEST

START_TEST(readers_cannot_write)
{
	struct backing *b = must_open(&memfd, M, PAGE);
	int fd = backing_fd(b, false);

	ck_assert_ptr_eq(mmap(NULL, M, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), -1);
	ck_assert_ptr_ne(mmap(NULL, M, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	backing_close(b);
}
END_TEST

/* Another user with @fd tries to open what is behind it once more, for writing. Return: 0, errno. */
static int open_as_nobody(int fd)
{
	pid_t child = fork();
	char link[40];
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		if (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1))
			_exit(99);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		_exit(open(link, O_RDWR) < 0 ? errno : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(readers_cannot_open_it_again_for_writing)
{
	struct backing *b;

	if (geteuid() != 0)
		SKIP("needs root, to become another user");
	b = must_open(&memfd, M, PAGE);
	ck_assert_int_eq(open_as_nobody(backing_fd(b, false)), EACCES);
	ck_assert_int_eq(open_as_nobody(backing_fd(b, true)), EACCES);
	/* What would happen without the mode: so the test tests something. */
	ck_assert_int_eq(fchmod(b->fd, 0666), 0);
	ck_assert_int_eq(open_as_nobody(backing_fd(b, false)), 0);
	backing_close(b);
}
END_TEST

/* What is appended through a description goes to the end, whatever position is named. */
START_TEST(flags_that_a_client_sets_are_its_own)
{
	struct backing *b = must_open(&memfd, M, PAGE);

	ck_assert_int_eq(fcntl(backing_fd(b, true), F_SETFL, O_APPEND | O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(b->fd, F_GETFL) & (O_APPEND | O_NONBLOCK), 0);
	backing_close(b);
}
END_TEST

START_TEST(memory_comes_and_goes)
{
	struct backing *b = must_open(&memfd, 4 * M, PAGE);

	assert_memory_comes_and_goes(b);
	backing_close(b);
}
END_TEST

START_TEST(a_mapping_outlives_the_backing)
{
	struct backing *b = must_open(&memfd, M, PAGE);
	unsigned fds = count_fds();
	unsigned char *p = must_map(b);

	backing_close(b);
	ck_assert_uint_eq(count_fds(), fds - 3);
	p[M - 1] = 1;
	ck_assert_uint_eq(p[M - 1], 1);
}
END_TEST

/* Far more than any machine has: the kernel would begin, and then kill processes. */
START_TEST(more_than_the_system_has_is_refused_before_anything_is_taken)
{
	struct backing *b = must_open(&memfd, UINT64_C(1) << 46, PAGE);

	ck_assert_int_eq(backing_commit(b, 0, UINT64_C(1) << 46), BACKING_E_NO_MEMORY);
	assert_resident(b, 0);
	/* What is there already is not asked for again, and a refusal takes nothing from later ones. */
	ck_assert_int_eq(backing_commit(b, 0, M), 0);
	ck_assert_int_eq(backing_commit(b, 0, UINT64_C(1) << 46), BACKING_E_NO_MEMORY);
	assert_resident(b, M);
	ck_assert_int_eq(backing_commit(b, M, 80 * M), 0);
	ck_assert_int_eq(backing_commit(b, 81 * M, M), 0);
	assert_resident(b, 82 * M);
	backing_close(b);
}
END_TEST

static void line_write(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* A tree of control groups of our own: the tightest limit on the way up holds, files that can be read again do not count. */
START_TEST(limits_of_control_groups)
{
	char root[] = "/tmp/pallocd-groups-XXXXXX", self[128], command[128];

	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(self, sizeof(self), "%s/self", root);
	ck_assert_uint_eq(room_groups(self, root), UINT64_MAX);
	line_write(root, "self", "4:memory:/old\n");
	ck_assert_uint_eq(room_groups(self, root), UINT64_MAX);
	line_write(root, "self", "4:memory:/old\n0::/a/b\n");
	ck_assert_uint_eq(room_groups(self, root), UINT64_MAX);
	snprintf(command, sizeof(command), "mkdir -p %s/a/b", root);
	ck_assert_int_eq(system(command), 0);
	line_write(root, "a/b/memory.max", "max\n");
	line_write(root, "a/b/memory.current", "500\n");
	ck_assert_uint_eq(room_groups(self, root), UINT64_MAX);
	line_write(root, "a/memory.max", "10000\n");
	line_write(root, "a/memory.current", "4000\n");
	ck_assert_uint_eq(room_groups(self, root), 6000);
	line_write(root, "a/memory.stat", "file 900\ninactive_file 100\nactive_file 200\n");
	ck_assert_uint_eq(room_groups(self, root), 6300);
	line_write(root, "a/b/memory.max", "700\n");
	ck_assert_uint_eq(room_groups(self, root), 200);
	line_write(root, "a/b/memory.max", "300\n");
	ck_assert_uint_eq(room_groups(self, root), 0);
	snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

/* Longer calls meet a signal before they are done; 0: none does. */
static off_t signal_after;

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (signal_after == 0 || len <= signal_after)
		return __real_fallocate(fd, mode, offset, len);
	errno = EINTR;
	return -1;
}

/* Some kernels undo what any signal interrupts, others what a deadly one does. */
START_TEST(signals_do_not_stop_a_commit)
{
	const off_t often[] = {64 << 20, 1 << 20, PAGE};
	struct backing *b = must_open(&memfd, 160 * M, PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(often); i++) {
		signal_after = often[i];
		ck_assert_int_eq(backing_commit(b, PAGE, 160 * M - 2 * PAGE), 0);
		assert_resident(b, 160 * M - 2 * PAGE);
		ck_assert_int_eq(backing_release(b, 0, 160 * M), 0);
		assert_resident(b, 0);
	}
	backing_close(b);
}
END_TEST

START_TEST(pages_that_are_too_small)
{
	must_refuse(&memfd, M, 1024, BACKING_E_CONFIG,
		    "memory comes in units of 4K there, and the region's pages have 1K: give it "
		    "pages of "
		    "4K or more");
	backing_close(must_open(&memfd, M, 2 * PAGE));
}
END_TEST

START_TEST(lengths_that_no_file_has)
{
	must_refuse(&memfd, 0, PAGE, BACKING_E_CONFIG, "no file can have 0 bytes");
	must_refuse(&memfd, UINT64_C(1) << 63, PAGE, BACKING_E_CONFIG,
		    "no file can have 9223372036854775808 bytes");
}
END_TEST

START_TEST(no_descriptor_is_left)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	/* One at a time is allowed: the memfd, and what is handed out. */
	for (unsigned more = 0; more < 3; more++) {
		unsigned before = count_fds() - 3; /* without ".", ".." and the folder's */
		int hold[64];
		char why[512] = "";
		struct backing *b = NULL;
		unsigned n = 0;

		limit.rlim_cur = before + 8;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		while (n < ARRAY_SIZE(hold) && (hold[n] = dup(0)) >= 0)
			n++;
		ck_assert_uint_ge(n, more);
		for (unsigned i = 0; i < more; i++)
			close(hold[--n]);
		ck_assert_int_eq(backing_open(&memfd, "test", M, PAGE, &b, why, sizeof(why)),
				 BACKING_E_CONFIG);
		ck_assert_msg(strstr(why, "descriptor") || strstr(why, "Too many"), "%s", why);
		while (n)
			close(hold[--n]);
	}
}
END_TEST

START_TEST(no_memory_for_the_object)
{
	struct backing *b = NULL;
	char why[64];

	mem_fail_after(0);
	ck_assert_int_eq(backing_open(&memfd, "test", M, PAGE, &b, why, sizeof(why)), -ENOMEM);
	mem_fail_after(-1);
	ck_assert_ptr_null(b);
	backing_close(NULL);
}
END_TEST

START_TEST(kinds_have_names)
{
	ck_assert_str_eq(backing_kind_name(BACKING_NONE), "none");
	ck_assert_str_eq(backing_kind_name(BACKING_MEMFD), "memfd");
	ck_assert_str_eq(backing_kind_name(BACKING_HUGETLB), "hugetlb");
	ck_assert_str_eq(backing_kind_name(BACKING_FILE), "file");
}
END_TEST

static const struct {
	enum backing_numa numa;
	int mode;
} policies[] = {
	{BACKING_NUMA_DEFAULT, MPOL_DEFAULT},
	{BACKING_NUMA_BIND, MPOL_BIND},
	{BACKING_NUMA_INTERLEAVE, MPOL_INTERLEAVE},
	{BACKING_NUMA_PREFERRED, MPOL_PREFERRED},
};

/* Who maps the file later gets its pages from there. */
START_TEST(a_numa_policy_belongs_to_the_file)
{
	struct backing_config c = {.kind = BACKING_MEMFD, .numa = policies[_i].numa, .nodes = {1}};
	struct backing *b;
	int mode = -1;
	void *p;

	if (access("/sys/devices/system/node/has_memory", R_OK))
		SKIP("this kernel knows no nodes");
	b = must_open(&c, M, PAGE);
	p = must_map(b);
	ck_assert_int_eq(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR), 0);
	ck_assert_int_eq(mode, policies[_i].mode);
	backing_close(b);
}
END_TEST

START_TEST(a_node_without_memory_is_named)
{
	struct backing_config c = {.kind = BACKING_MEMFD, .numa = BACKING_NUMA_BIND, .nodes = {1}};

	if (access("/sys/devices/system/node/has_memory", R_OK))
		SKIP("this kernel knows no nodes");
	c.nodes[BACKING_NODES_MAX / 64 - 1] = UINT64_C(1) << 63;
	must_refuse(&c, M, PAGE, BACKING_E_CONFIG,
		    "names node 1023, which has no memory: nodes with memory are 0");
}
END_TEST

START_TEST(lists_of_nodes)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t first, last; /* words of the set */
		unsigned n;
	} cases[] = {
		{"0", true, 1, 0, 1},
		{"0-1,3\n", true, 11, 0, 3},
		{"3,0-1", true, 11, 0, 3},
		{"1023", true, 0, UINT64_C(1) << 63, 1},
		{"0-1023", true, UINT64_MAX, UINT64_MAX, 1024},
		{"1024", false, 0, 0, 0},
		{"99999999999999999999", false, 0, 0, 0},
		{"", false, 0, 0, 0},
		{"-1", false, 0, 0, 0},
		{"1-", false, 0, 0, 0},
		{"3-1", false, 0, 0, 0},
		{"1,", false, 0, 0, 0},
		{"1 2", false, 0, 0, 0},
		{"all", false, 0, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t nodes[BACKING_NODES_MAX / 64] = {0};

		ck_assert_msg(nodes_parse(cases[i].text, nodes) == cases[i].good, "'%s'",
			      cases[i].text);
		ck_assert_msg(nodes[0] == cases[i].first &&
				      nodes[BACKING_NODES_MAX / 64 - 1] == cases[i].last &&
				      nodes_count(nodes) == cases[i].n,
			      "'%s': %#" PRIx64 ", %u nodes", cases[i].text, nodes[0],
			      nodes_count(nodes));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backing");
	TCase *tc = tcase_create("backing");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_memfd_is_sealed_and_as_long_as_the_limit);
	tcase_add_test(tc, memory_of_before_is_taken_over);
	tcase_add_test(tc, readers_cannot_write);
	tcase_add_test(tc, readers_cannot_open_it_again_for_writing);
	tcase_add_test(tc, flags_that_a_client_sets_are_its_own);
	tcase_add_test(tc, memory_comes_and_goes);
	tcase_add_test(tc, a_mapping_outlives_the_backing);
	tcase_add_test(tc, more_than_the_system_has_is_refused_before_anything_is_taken);
	tcase_add_test(tc, limits_of_control_groups);
	tcase_add_test(tc, signals_do_not_stop_a_commit);
	tcase_add_test(tc, pages_that_are_too_small);
	tcase_add_test(tc, lengths_that_no_file_has);
	tcase_add_test(tc, no_descriptor_is_left);
	tcase_add_test(tc, no_memory_for_the_object);
	tcase_add_test(tc, kinds_have_names);
	tcase_add_loop_test(tc, a_numa_policy_belongs_to_the_file, 0, (int)ARRAY_SIZE(policies));
	tcase_add_test(tc, a_node_without_memory_is_named);
	tcase_add_test(tc, lists_of_nodes);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
