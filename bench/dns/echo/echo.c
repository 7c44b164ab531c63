/* A plain UDP echo: one socket and one thread per core, a recvfrom and a sendto
 * for each packet. It is what answering costs when there is nothing to answer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int port;

static void *echo(void *unused)
{
	struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(port)}, from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	char buf[4096];

	(void)unused;
	me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&me, sizeof me) < 0) {
		perror("bind");
		exit(1);
	}
	for (;;) {
		socklen_t len = sizeof from;
		ssize_t n = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &len);
		if (n > 2) {
			buf[2] |= 0x80;
			sendto(fd, buf, n, 0, (struct sockaddr *)&from, len);
		}
	}
}

int main(int argc, char **argv)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t t;

	port = argc > 1 ? atoi(argv[1]) : 0;
	while (--cores > 0)
		pthread_create(&t, NULL, echo, NULL);
	echo(NULL);
}
