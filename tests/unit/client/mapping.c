/*
 * mapping - the memory of pages as a pointer
 *
 * Role:       map and unmap: what is seen, how often the daemon is asked, what is refused, how long it lives.
 * Uses:       client/lib, fake daemon with memory, check
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/behind.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;
static struct behind behind;
static struct fake f;
static paclient *c;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

static void begin(void)
{
	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	c = fake_open(&f, 20000);
}

static void end(void)
{
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
}

static uint64_t page_addr(unsigned page)
{
	return BEHIND_BASE + (uint64_t)page * BEHIND_PAGE;
}

static bool is_mapped(void *memory)
{
	unsigned char there;

	return mincore(memory, BEHIND_PAGE, &there) == 0;
}

START_TEST(one_sees_what_the_other_writes)
{
	void *read, *write;

	begin();
	expect(paclient_map(c, 2, page_addr(5), 3, PACLIENT_WRITE, &write, &call), 0);
	expect(paclient_map(c, 2, page_addr(6), 2, 0, &read, &call), 0);
	ck_assert_uint_eq(*(uint32_t *)write, 2);
	strcpy((char *)write + BEHIND_PAGE, "hello");
	ck_assert_str_eq(read, "hello");
	ck_assert_uint_eq(behind_number(behind.fd[2], 6), 'h' | 'e' << 8 | 'l' << 16 | 'l' << 24);
	expect(paclient_unmap(c, 2, write, 3, &call), 0);
	expect(paclient_unmap(c, 2, read, 2, &call), 0);
	ck_assert(!is_mapped(write) && !is_mapped(read));
	end();
}
END_TEST

START_TEST(asked_for_once)
{
	void *memory[20];

	begin();
	for (unsigned i = 0; i < 20; i++)
		expect(paclient_map(c, 1 + i % 2, page_addr(i), 1, i % 4 / 2 ? PACLIENT_WRITE : 0,
				    &memory[i], &call),
		       0);
	for (unsigned i = 0; i < 20; i++)
		expect(paclient_unmap(c, 1 + i % 2, memory[i], 1, &call), 0);
	/* Two regions, to read and to write. */
	ck_assert_uint_eq(behind.nattaches, 4);
	end();
}
END_TEST

/* In a child: a write to what may only be read ends it. */
START_TEST(to_read_only)
{
	void *memory;
	int status;

	begin();
	expect(paclient_map(c, 1, page_addr(0), 1, 0, &memory, &call), 0);
	ck_assert_int_eq(mprotect(memory, BEHIND_PAGE, PROT_READ | PROT_WRITE), -1);
	ck_assert_int_eq(errno, EACCES);
	if (fork() == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)memory = 1;
		_exit(0);
	}
	ck_assert_int_gt(wait(&status), 0);
	/* A sanitizer makes an exit of it. */
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status));
	end();
}
END_TEST

START_TEST(whole_region)
{
	void *first, *second, *third;

	begin();
	expect(paclient_map(c, 3, page_addr(7), 2, PACLIENT_MAP_REGION, &first, &call), 0);
	expect(paclient_map(c, 3, page_addr(40), 1, PACLIENT_MAP_REGION, &second, &call), 0);
	ck_assert_ptr_eq((char *)first + 33 * BEHIND_PAGE, second);
	ck_assert_uint_eq(*(uint32_t *)second, 3);
	/* To write it is another mapping, and an extent alone a third. */
	expect(paclient_map(c, 3, page_addr(7), 1, PACLIENT_MAP_REGION | PACLIENT_WRITE, &third,
			    &call),
	       0);
	ck_assert_ptr_ne(third, first);
	*(uint32_t *)third = 77;
	ck_assert_uint_eq(*(uint32_t *)first, 77);
	expect(paclient_unmap(c, 3, third, 1, &call), 0);
	ck_assert(!is_mapped(third));
	expect(paclient_unmap(c, 3, first, 2, &call), 0);
	ck_assert(is_mapped(first) && is_mapped(second));
	expect(paclient_map(c, 3, page_addr(1), 1, 0, &third, &call), 0);
	expect(paclient_unmap(c, 3, third, 1, &call), 0);
	ck_assert(!is_mapped(third) && is_mapped(second));
	expect(paclient_unmap(c, 3, second, 1, &call), 0);
	ck_assert(!is_mapped(first) && !is_mapped(second));
	/* And anew. */
	expect(paclient_map(c, 3, page_addr(7), 2, PACLIENT_MAP_REGION, &first, &call), 0);
	ck_assert_uint_eq(*(uint32_t *)first, 77);
	ck_assert_uint_eq(behind.nattaches, 2);
	expect(paclient_unmap(c, 3, first, 2, &call), 0);
	end();
}
END_TEST

START_TEST(refused)
{
	static const struct {
		const char *name;
		uint32_t region_id;
		uint64_t addr, npages;
		unsigned flags;
		int want;
		const char *field;
	} rows[] = {
		{"no backing", 4, BEHIND_BASE, 1, 0, PACLIENT_INVALID, "region_id"},
		{"not to write", 5, BEHIND_BASE, 1, PACLIENT_WRITE, PACLIENT_DENIED, "attach-rw"},
		{"no pages", 1, BEHIND_BASE, 0, 0, PACLIENT_BAD_ARGUMENT, "npages"},
		{"no such flag", 1, BEHIND_BASE, 1, 8, PACLIENT_BAD_ARGUMENT, "flags"},
		{"not a page", 1, BEHIND_BASE + 512, 1, 0, PACLIENT_UNALIGNED, "addr"},
		{"below", 1, BEHIND_BASE - BEHIND_PAGE, 1, 0, PACLIENT_OUT_OF_REGION, "addr"},
		{"above", 1, BEHIND_BASE + BEHIND_NPAGES * BEHIND_PAGE, 1, 0,
		 PACLIENT_OUT_OF_REGION, "addr"},
		{"a page too many", 1, BEHIND_BASE + BEHIND_PAGE, BEHIND_NPAGES, 0,
		 PACLIENT_OUT_OF_REGION, "addr"},
		{"more than there are numbers", 1, BEHIND_BASE, UINT64_MAX / 2048, 0,
		 PACLIENT_OUT_OF_REGION, "addr"},
	};
	void *memory = &memory;

	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = paclient_map(c, rows[i].region_id, rows[i].addr, rows[i].npages,
					  rows[i].flags, &memory, &call);

		ck_assert_msg(status == rows[i].want, "%s: got %s: %s", rows[i].name,
			      paclient_status_name(status), call.error.message);
		ck_assert_msg(!strcmp(call.error.field, rows[i].field), "%s: %s", rows[i].name,
			      call.error.field);
	}
	expect(paclient_map(c, 1, BEHIND_BASE, 1, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_ptr_eq(memory, &memory);
	expect(paclient_unmap(c, 2, &behind, 1, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "region_id");
	expect(paclient_map(c, 1, BEHIND_BASE, 1, 0, &memory, &call), 0);
	expect(paclient_unmap(c, 1, (char *)memory + 1, 1, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "memory");
	expect(paclient_unmap(c, 1, NULL, 1, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_unmap(c, 1, memory, 0, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_unmap(c, 1, memory, UINT64_MAX, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_unmap(c, 1, memory, 1, &call), 0);
	end();
}
END_TEST

static uint64_t blocks(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

START_TEST(populated)
{
	unsigned char there[16];
	unsigned npages = 0;
	void *memory;

	begin();
	/* A hole. */
	ck_assert_int_eq(ftruncate(behind.fd[1], 0), 0);
	ck_assert_int_eq(ftruncate(behind.fd[1], (off_t)behind.bytes), 0);
	ck_assert_uint_eq(blocks(behind.fd[1]), 0);
	expect(paclient_map(c, 1, page_addr(8), 16, PACLIENT_WRITE | PACLIENT_MAP_POPULATE, &memory,
			    &call),
	       0);
	ck_assert_uint_ge(blocks(behind.fd[1]), 16 * BEHIND_PAGE);
	ck_assert_int_eq(mincore(memory, 16 * BEHIND_PAGE, there), 0);
	for (int i = 0; i < 16; i++)
		npages += there[i] & 1;
	ck_assert_uint_eq(npages, 16);
	expect(paclient_unmap(c, 1, memory, 16, &call), 0);
	end();
}
END_TEST

/* A file shorter than it should be is what a file system without room looks like. */
START_TEST(nothing_to_populate_with)
{
	void *memory = &memory;

	begin();
	ck_assert_int_eq(ftruncate(behind.fd[1], 4 * BEHIND_PAGE), 0);
	for (unsigned flags = 0; flags < 4; flags++) {
		expect(paclient_map(c, 1, page_addr(2), 4, flags | PACLIENT_MAP_POPULATE, &memory,
				    &call),
		       PACLIENT_NO_MEMORY);
		ck_assert_int_ne(call.error.system_errno, 0);
	}
	ck_assert_ptr_eq(memory, &memory);
	expect(paclient_map(c, 1, page_addr(0), 4, PACLIENT_MAP_POPULATE, &memory, &call), 0);
	expect(paclient_unmap(c, 1, memory, 4, &call), 0);
	end();
}
END_TEST

START_TEST(outlives_the_handle)
{
	void *alone, *within;
	unsigned n;

	begin();
	n = nopen();
	expect(paclient_map(c, 1, page_addr(3), 2, PACLIENT_WRITE, &alone, &call), 0);
	expect(paclient_map(c, 1, page_addr(4), 1, PACLIENT_MAP_REGION, &within, &call), 0);
	ck_assert_uint_eq(nopen(), n + 2);
	paclient_close(c);
	ck_assert_uint_le(nopen(), n);
	*((char *)alone + BEHIND_PAGE) = 'x';
	ck_assert_int_eq(*(char *)within, 'x');
	/* A handle of later has nothing to do with them. */
	c = fake_open(&f, 20000);
	expect(paclient_unmap(c, 1, within, 1, &call), PACLIENT_BAD_ARGUMENT);
	munmap(alone, 2 * BEHIND_PAGE);
	end();
}
END_TEST

START_TEST(inherited_by_a_child)
{
	void *memory, *other;
	int status;

	begin();
	expect(paclient_map(c, 1, page_addr(3), 1, PACLIENT_WRITE, &memory, &call), 0);
	if (fork() == 0) {
		*(char *)memory = 'y';
		status = paclient_map(c, 1, page_addr(3), 1, 0, &other, NULL);
		paclient_close(c);
		_exit(status == PACLIENT_BAD_ARGUMENT ? 0 : 1);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(*(char *)memory, 'y');
	expect(paclient_map(c, 1, page_addr(3), 1, PACLIENT_WRITE, &other, &call), 0);
	ck_assert_int_eq(*(char *)other, 'y');
	end();
}
END_TEST

#define NTHREADS 8

struct worker {
	pthread_t thread;
	unsigned number;
	char failure[400];
};

/* Each writes its number to its own page, by both kinds of mapping, and finds it there. */
static void *work(void *arg)
{
	struct paclient_call own = PACLIENT_CALL_INIT;
	struct worker *w = arg;

	for (unsigned i = 0; i < 1000 && !w->failure[0]; i++) {
		unsigned flags = PACLIENT_WRITE | (i % 2 ? PACLIENT_MAP_REGION : 0);
		uint64_t addr = page_addr(w->number * 2);
		void *memory;

		if (paclient_map(c, 1 + i % 3, addr, 2, flags, &memory, &own)) {
			strcpy(w->failure, own.error.message);
			break;
		}
		*(uint32_t *)memory = w->number * 1000 + i;
		if (behind_number(behind.fd[1 + i % 3], w->number * 2) != w->number * 1000 + i)
			strcpy(w->failure, "another's memory");
		if (paclient_unmap(c, 1 + i % 3, memory, 2, &own))
			strcpy(w->failure, own.error.message);
	}
	return NULL;
}

START_TEST(threads)
{
	struct worker w[NTHREADS] = {0};
	unsigned n;

	begin();
	n = nopen();
	for (unsigned i = 0; i < NTHREADS; i++) {
		w[i].number = i;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_msg(!w[i].failure[0], "thread %u: %s", i, w[i].failure);
	}
	/* However many attached at once, one of each is kept. */
	ck_assert_uint_eq(nopen(), n + 3);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_mapping");

	run_add(s, "one_sees_what_the_other_writes", one_sees_what_the_other_writes);
	run_add(s, "asked_for_once", asked_for_once);
	run_add(s, "to_read_only", to_read_only);
	run_add(s, "whole_region", whole_region);
	run_add(s, "refused", refused);
	run_add(s, "populated", populated);
	run_add(s, "nothing_to_populate_with", nothing_to_populate_with);
	run_add(s, "outlives_the_handle", outlives_the_handle);
	run_add(s, "inherited_by_a_child", inherited_by_a_child);
	run_add(s, "threads", threads);
	return suite_run(s);
}
