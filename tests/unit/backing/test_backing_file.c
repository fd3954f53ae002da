/*
 * test_backing_file - regions in files: what is refused, with which words; what a file of each kind does
 *
 * Role:       tests files of memory and of a disk, folders that must not be left, and what is known of DAX devices without having one.
 * Uses:       backing/, check
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "tests/unit/backing/fixture.h"
#include "tests/unit/suite.h"

static char folder[64]; /* on a disk, or whatever /tmp is */

static void folder_make(void)
{
	strcpy(folder, "/tmp/pallocd-file-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void folder_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

/* "folder/name" */
static const char *in_folder(const char *name)
{
	static char path[4][512];
	static unsigned i;

	i = (i + 1) % ARRAY_SIZE(path);
	snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
	return path[i];
}

static void file_make(const char *path, uint64_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
}

static struct backing_config config(const char *path, const char *in)
{
	struct backing_config c = {.kind = BACKING_FILE};

	snprintf(c.path, sizeof(c.path), "%s", path);
	snprintf(c.folder, sizeof(c.folder), "%s", in);
	return c;
}

static void refuse(const char *path, const char *in, const char *says)
{
	const struct backing_config c = config(path, in);

	must_refuse(&c, M, PAGE, BACKING_E_CONFIG, says);
}

/* Does /tmp lie on something that a region may lie on? */
static bool disk_is_known(void)
{
	const struct backing_config c = config(in_folder("probe"), "");
	char why[4 * PATH_MAX] = "";
	struct backing *b = NULL;
	bool known;

	file_make(c.path, M);
	known = backing_open(&c, "probe", M, PAGE, &b, why, sizeof(why)) == 0;
	backing_close(b);
	unlink(c.path);
	return known || !strstr(why, "magic number");
}

START_TEST(paths_that_lead_nowhere)
{
	refuse("", "", " is no absolute path: begin it with /");
	refuse("some/file", "", "some/file is no absolute path: begin it with /");
	refuse(in_folder("none"), "", "none cannot be found: No such file or directory");
	ck_assert_int_eq(symlink("loop", in_folder("loop")), 0);
	refuse(in_folder("loop"), "", "loop cannot be found: Too many levels of symbolic links");
}
END_TEST

START_TEST(things_that_are_no_files)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	refuse(folder, "", "is a directory: use a regular file or a DAX character device");
	/* A FIFO that was opened would wait for the other side. */
	ck_assert_int_eq(mkfifo(in_folder("fifo"), 0600), 0);
	refuse(in_folder("fifo"), "", "fifo is a FIFO: use");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", in_folder("socket"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	refuse(in_folder("socket"), "", "socket is a socket: use");
	close(fd);
	refuse("/dev/null", "",
	       "/dev/null is a character device, but none for direct access (/sys/dev/char/1:3 is");
}
END_TEST

START_TEST(a_file_that_is_too_short)
{
	char says[256];

	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	file_make(in_folder("short"), M - 1);
	snprintf(
		says, sizeof(says),
		"short is 1048575 bytes long, and the region may need 1048576: make it longer with "
		"truncate -s 1048576 %s/short",
		folder);
	refuse(in_folder("short"), "", says);
}
END_TEST

START_TEST(a_file_system_that_is_not_known)
{
	refuse("/proc/version", "",
	       "/proc/version lies on a file system that is not known here (magic number 0x9fa0): "
	       "put it on tmpfs, hugetlbfs, ext4");
}
END_TEST

START_TEST(pages_smaller_than_the_blocks)
{
	struct backing_config c = config(in_folder("file"), "");

	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	file_make(c.path, M);
	must_refuse(&c, M, 1024, BACKING_E_CONFIG,
		    "file: memory comes in units of 4K there, and the region's pages have 1K");
}
END_TEST

START_TEST(a_file_of_somebody_else)
{
	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	if (geteuid() != 0)
		SKIP("needs root, to become another user");
	file_make(in_folder("file"), M);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(seteuid(65534), 0);
	refuse(in_folder("file"), "",
	       "file cannot be opened for reading and writing by the daemon's user (uid 65534): "
	       "Permission denied. Give the file to that user");
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* Out of it by a link, by "..", by a link in the middle, by another name that only begins alike. */
START_TEST(a_folder_is_not_left)
{
	char other[128], inside[128];
	struct backing_config c;

	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	if (syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == ENOSYS)
		SKIP("no openat2 (valgrind does not know it)");
	snprintf(inside, sizeof(inside), "%s", in_folder("in"));
	snprintf(other, sizeof(other), "%s", in_folder("inner"));
	ck_assert_int_eq(mkdir(inside, 0700), 0);
	ck_assert_int_eq(mkdir(other, 0700), 0);
	file_make(in_folder("in/file"), M);
	file_make(in_folder("inner/file"), M);
	ck_assert_int_eq(symlink("../inner/file", in_folder("in/out")), 0);
	ck_assert_int_eq(symlink(other, in_folder("in/far")), 0);
	ck_assert_int_eq(symlink("file", in_folder("in/same")), 0);
	refuse(in_folder("in/out"), inside, "/in/out leads out of the folder ");
	refuse(in_folder("in/far/file"), inside, "/in/far/file leads out of the folder ");
	refuse(in_folder("in/../inner/file"), inside, "/file leads out of the folder ");
	refuse(in_folder("inner/file"), inside, "/inner/file does not lie in the folder ");
	refuse(in_folder("in/none"), inside, "/in/none cannot be found: No such");
	refuse(in_folder("none/file"), in_folder("none"), "none cannot be found: No such");
	refuse(in_folder("in/file"), "in", "the folder in is no absolute path");
	for (int i = 0; i < 3; i++) {
		const char *names[] = {"in/file", "in/same", "in//file"};

		c = config(in_folder(names[i]), inside);
		if (i)
			strcat(c.folder, "//");
		backing_close(must_open(&c, M, PAGE));
	}
	/* Without a folder links may lead anywhere. */
	c = config(in_folder("in/out"), "");
	backing_close(must_open(&c, M, PAGE));
}
END_TEST

START_TEST(memory_of_a_file_comes_and_goes)
{
	struct backing_config c = config(in_folder("file"), "");
	struct backing *b;

	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	file_make(c.path, 4 * M);
	b = must_open(&c, 4 * M, PAGE);
	ck_assert(!b->info.sealed);
	if (!b->info.releases)
		SKIP("this file system has no holes");
	assert_memory_comes_and_goes(b);
	backing_close(b);
}
END_TEST

START_TEST(what_was_in_the_file_stays_and_counts_as_data)
{
	struct backing_config c = config(in_folder("file"), "");
	struct backing *b;
	char byte = 0;
	int fd;

	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	file_make(c.path, 2 * M);
	fd = open(c.path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, "x", 1, 512 * K + 5), 1);
	ck_assert_int_eq(pwrite(fd, "x", 1, M + M / 2), 1); /* behind the region */
	ck_assert_int_eq(fsync(fd), 0);
	b = must_open(&c, M, PAGE);
	assert_data(b, 0, 512 * K + 5);
	assert_no_data(b, 768 * K);
	ck_assert_int_eq(pread(fd, &byte, 1, 512 * K + 5), 1);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_eq(pread(fd, &byte, 1, M + M / 2), 1);
	ck_assert_int_eq(byte, 'x');
	close(fd);
	backing_close(b);
}
END_TEST

/* Such a file cannot be sealed: who may write it may shorten it. The next commit puts that right. */
START_TEST(a_file_that_was_shortened)
{
	struct backing_config c = config(in_folder("file"), "");
	struct backing *b;
	unsigned char *p;
	struct stat st;

	if (!disk_is_known())
		SKIP("/tmp is no file system for regions");
	file_make(c.path, M);
	b = must_open(&c, M, PAGE);
	ck_assert_int_eq(ftruncate(backing_fd(b, true), 0), 0);
	ck_assert_int_eq(backing_commit(b, M / 2, PAGE), 0);
	ck_assert_int_eq(fstat(b->fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, M);
	p = must_map(b);
	p[M / 2] = 1;
	ck_assert_int_eq(ftruncate(backing_fd(b, true), 0), 0);
	ck_assert_int_eq(backing_clear(b, M / 2, PAGE), 0);
	ck_assert_int_eq(backing_release(b, 0, M), 0);
	assert_no_data(b, 0);
	backing_close(b);
}
END_TEST

/* File systems without holes: cleared in place, by the kernel or by writing. */
START_TEST(clearing_without_holes)
{
	const char *paths[] = {in_folder("file"), "/dev/shm/pallocd-test-clear"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct backing_config c = config(paths[i], "");
		struct backing *b;
		unsigned char *p;

		if (i == 0 && !disk_is_known())
			SKIP("/tmp is no file system for regions");
		file_make(c.path, M);
		b = must_open(&c, M, PAGE);
		unlink(c.path);
		b->info.releases = false;
		p = must_map(b);
		memset(p, 0xff, M);
		ck_assert_int_eq(backing_clear(b, PAGE, M - 2 * PAGE), 0);
		assert_zeros(p + PAGE, M - 2 * PAGE);
		ck_assert_uint_eq(p[PAGE - 1], 0xff);
		ck_assert_uint_eq(p[M - PAGE], 0xff);
		ck_assert_int_eq(backing_release(b, 0, M), -EOPNOTSUPP);
		ck_assert_int_eq(backing_clear(b, 0, 0), 0);
		munmap(p, M);
		backing_close(b);
	}
}
END_TEST

/* Flags of a description that a client has must not divert what the daemon writes. */
START_TEST(clearing_where_a_client_appends)
{
	struct backing_config c = config("/dev/shm/pallocd-test-append", "");
	struct backing *b;
	unsigned char *p;
	struct stat st;

	file_make(c.path, M);
	b = must_open(&c, M, PAGE);
	unlink(c.path);
	b->info.releases = false;
	p = must_map(b);
	memset(p, 0xff, M);
	ck_assert_int_eq(fcntl(backing_fd(b, true), F_SETFL, O_APPEND), 0);
	ck_assert_int_eq(backing_clear(b, 0, M), 0);
	assert_zeros(p, M);
	ck_assert_int_eq(fstat(b->fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, M);
	backing_close(b);
}
END_TEST

START_TEST(a_tmpfs_that_is_full)
{
	struct backing_config c = config(in_folder("small/file"), "");
	char small[128];
	struct backing *b;

	snprintf(small, sizeof(small), "%s", in_folder("small"));
	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, ""))
		SKIP("needs root and a mount namespace");
	ck_assert_int_eq(mkdir(small, 0700), 0);
	ck_assert_int_eq(mount("none", small, "tmpfs", 0, "size=1M"), 0);
	file_make(c.path, 4 * M);
	b = must_open(&c, 4 * M, PAGE);
	ck_assert_uint_eq(b->info.page_bytes, PAGE);
	ck_assert_int_eq(backing_commit(b, 0, 2 * M), BACKING_E_NO_MEMORY);
	ck_assert_int_eq(backing_release(b, 0, 2 * M), 0);
	ck_assert_int_eq(backing_commit(b, 3 * M, M / 2), 0);
	assert_resident(b, M / 2);
	ck_assert_int_eq(backing_commit(b, 0, M), BACKING_E_NO_MEMORY);
	backing_close(b);
	ck_assert_int_eq(mount("none", small, "none", MS_REMOUNT | MS_RDONLY, ""), 0);
	must_refuse(&c, 4 * M, PAGE, BACKING_E_CONFIG,
		    "file cannot be written, its file system is mounted read-only");
	ck_assert_int_eq(umount(small), 0);
}
END_TEST

START_TEST(a_policy_is_for_memory)
{
	struct backing_config c = config(in_folder("file"), "");
	struct statfs st;

	ck_assert_int_eq(statfs(folder, &st), 0);
	if (!disk_is_known() || st.f_type == 0x01021994)
		SKIP("/tmp is no disk");
	file_make(c.path, M);
	c.numa = BACKING_NUMA_BIND;
	c.nodes[0] = 1;
	must_refuse(&c, M, PAGE, BACKING_E_CONFIG, "a NUMA policy is for memory, and /tmp/");
}
END_TEST

static void line_write(const char *path, const char *line)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fputs(line, file);
	fclose(file);
}

/* What the kernel says about a device, from a folder of our own. */
START_TEST(what_is_known_of_a_device)
{
	uint64_t bytes = 0, align = 0;
	char text[512];
	const struct backing_why why = {text, sizeof(text)};

	ck_assert_int_eq(mkdir(in_folder("252:0"), 0700), 0);
	ck_assert_int_eq(device_read(folder, 252, 0, "/dev/x", &bytes, &align, &why),
			 BACKING_E_CONFIG);
	ck_assert_msg(strstr(text, "/dev/x is a character device, but none for direct access"),
		      "%s", text);
	ck_assert_int_eq(symlink("../../bus/tty", in_folder("252:0/subsystem")), 0);
	ck_assert_int_eq(device_read(folder, 252, 0, "/dev/x", &bytes, &align, &why),
			 BACKING_E_CONFIG);
	ck_assert_int_eq(unlink(in_folder("252:0/subsystem")), 0);
	ck_assert_int_eq(symlink("../../bus/dax", in_folder("252:0/subsystem")), 0);
	ck_assert_int_eq(device_read(folder, 252, 0, "/dev/x", &bytes, &align, &why),
			 BACKING_E_CONFIG);
	ck_assert_msg(strstr(text, "does not say how long /dev/x is"), "%s", text);
	line_write(in_folder("252:0/size"), "1073741824\n");
	line_write(in_folder("252:0/align"), "3\n");
	ck_assert_int_eq(device_read(folder, 252, 0, "/dev/x", &bytes, &align, &why),
			 BACKING_E_CONFIG);
	ck_assert_msg(strstr(text, "in what units /dev/x is mapped"), "%s", text);
	line_write(in_folder("252:0/align"), "2097152\n");
	ck_assert_int_eq(device_read(folder, 252, 0, "/dev/x", &bytes, &align, &why), 0);
	ck_assert_uint_eq(bytes, 1024 * M);
	ck_assert_uint_eq(align, 2 * M);
}
END_TEST

/* A device has no holes and no write(2): everything goes through a mapping. */
START_TEST(a_device_is_cleared_where_it_is)
{
	const struct backing_config memfd = {.kind = BACKING_MEMFD};
	struct backing *b = must_open(&memfd, M, PAGE);
	unsigned char *p = must_map(b);

	b->place = PLACE_DEVICE;
	b->info.releases = false;
	memset(p, 0xff, M);
	ck_assert_int_eq(backing_clear(b, PAGE, M - 2 * PAGE), 0);
	assert_zeros(p + PAGE, M - 2 * PAGE);
	ck_assert_uint_eq(p[PAGE - 1], 0xff);
	ck_assert_uint_eq(p[M - PAGE], 0xff);
	assert_resident(b, M);
	assert_data(b, PAGE, M - 1);
	assert_no_data(b, M);
	ck_assert_int_eq(backing_commit(b, 0, M), 0);
	ck_assert_int_eq(backing_release(b, 0, PAGE), -EOPNOTSUPP);
	backing_close(b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backing_file");
	TCase *tc = tcase_create("backing_file");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, folder_make, folder_remove);
	tcase_add_test(tc, paths_that_lead_nowhere);
	tcase_add_test(tc, things_that_are_no_files);
	tcase_add_test(tc, a_file_that_is_too_short);
	tcase_add_test(tc, a_file_system_that_is_not_known);
	tcase_add_test(tc, pages_smaller_than_the_blocks);
	tcase_add_test(tc, a_file_of_somebody_else);
	tcase_add_test(tc, a_folder_is_not_left);
	tcase_add_test(tc, memory_of_a_file_comes_and_goes);
	tcase_add_test(tc, what_was_in_the_file_stays_and_counts_as_data);
	tcase_add_test(tc, a_file_that_was_shortened);
	tcase_add_test(tc, clearing_without_holes);
	tcase_add_test(tc, clearing_where_a_client_appends);
	tcase_add_test(tc, a_tmpfs_that_is_full);
	tcase_add_test(tc, a_policy_is_for_memory);
	tcase_add_test(tc, what_is_known_of_a_device);
	tcase_add_test(tc, a_device_is_cleared_where_it_is);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
