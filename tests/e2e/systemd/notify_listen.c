/*
 * notify_listen - the service manager's ear: prints what daemons say to NOTIFY_SOCKET
 *
 * Role:       `notify_listen PATH` binds the datagram socket PATH and prints each message's lines,
 *             one a line, at once. Ends when it is killed.
 * Uses:       nothing.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char message[4096];
	ssize_t n;
	int fd;

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "usage: notify_listen PATH\n");
		return 2;
	}
	strcpy(addr.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		perror(argv[1]);
		return 1;
	}
	while ((n = recv(fd, message, sizeof(message), 0)) >= 0) {
		printf("%.*s%s", (int)n, message, n > 0 && message[n - 1] == '\n' ? "" : "\n");
		fflush(stdout);
	}
	perror("recv");
	return 1;
}
