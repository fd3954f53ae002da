/*
 * probe - what a program can and cannot do with a descriptor that it has attached
 *
 * Role:       for memory.sh: one try after the other on a region's memory; each line says what came of it.
 * Uses:       <paclient.h>, as a stranger would
 *
 *	client_probe REGION read|write
 *
 * "map for writing: Permission denied" and the like; "done" where it could be done. Exit code 1 where there was nothing to try.
 */
#include <errno.h>
#include <fcntl.h>
#include <paclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void say(const char *what, int failed)
{
	printf("%s: %s\n", what, failed ? strerror(errno) : "done");
}

static void try_map(int fd, size_t nbytes, int prot, const char *what)
{
	void *memory = mmap(NULL, nbytes, prot, MAP_SHARED, fd, 0);

	say(what, memory == MAP_FAILED);
	if (memory == MAP_FAILED)
		return;
	if (!(prot & PROT_WRITE))
		say("make it writable", mprotect(memory, nbytes, PROT_READ | PROT_WRITE));
	munmap(memory, nbytes);
}

static void try_again(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	say("open again for writing", again < 0);
	if (again >= 0)
		close(again);
}

int main(int argc, char **argv)
{
	unsigned flags = argc == 3 && !strcmp(argv[2], "write") ? PACLIENT_WRITE : 0;
	struct paclient_backing b = {.size = sizeof(b)};
	struct paclient_call call = PACLIENT_CALL_INIT;
	paclient *client = NULL;
	uint32_t region;
	char first;

	if (argc != 3 || paclient_open(getenv("PACLIENT_SOCKET"), NULL, &client, &call) ||
	    paclient_region_open(client, argv[1], &region, &call) ||
	    paclient_attach(client, region, flags, &b, &call)) {
		printf("attach: %s %s\n", paclient_status_name(call.error.status),
		       call.error.message);
		return 1;
	}
	/* The descriptor is the program's. */
	paclient_close(client);
	printf("attached: %s, %llu bytes\n", paclient_backing_name(b.kind),
	       (unsigned long long)b.bytes);
	try_map(b.fd, (size_t)b.page_size_bytes, PROT_READ, "map for reading");
	try_map(b.fd, (size_t)b.page_size_bytes, PROT_READ | PROT_WRITE, "map for writing");
	try_again(b.fd);
	/* What is there already: nobody is disturbed. */
	say("write", pread(b.fd, &first, 1, 0) != 1 || pwrite(b.fd, &first, 1, 0) != 1);
	say("shorten", ftruncate(b.fd, (off_t)b.page_size_bytes));
	say("lengthen", ftruncate(b.fd, (off_t)(b.bytes + b.page_size_bytes)));
	close(b.fd);
	return 0;
}
