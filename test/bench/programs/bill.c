/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes events at a rate, and says what that cost itself: bill exec|connect|file COUNT RATE DIRECTORY. A rate of 0 is as
 * fast as it can. Prints {"made", "cpuSeconds", "seconds"}: user and system time of it and its children.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int listener;
static struct sockaddr_in to = { .sin_family = AF_INET };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return t.tv_sec + t.tv_usec / 1e6;
}

static double cpu(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static void make_exec(long i)
{
	char *args[] = { "bill", "done", "--number", "one", NULL };
	pid_t child = fork();

	(void)i;
	if (child == 0) {
		execv("/proc/self/exe", args);
		_exit(127);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		err(1, "fork");
}

static void make_connect(long i)
{
	/* Ends with a reset, so that no port waits. */
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int one = socket(AF_INET, SOCK_STREAM, 0), other;

	(void)i;
	if (connect(one, (void *)&to, sizeof(to)) || (other = accept(listener, NULL, NULL)) < 0)
		err(1, "connect");
	setsockopt(one, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(one);
	close(other);
}

static void make_file(long i)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "file%ld", i);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0)
		err(1, "%s", name);
	close(fd);
	unlink(name);
}

int main(int argc, char **argv)
{
	void (*make)(long) = NULL;
	socklen_t size = sizeof(to);
	long made = 0, count;
	double rate, start;

	if (argc > 1 && !strcmp(argv[1], "done"))
		return 0;
	if (argc < 5)
		errx(64, "bill exec|connect|file COUNT RATE DIRECTORY");
	make = !strcmp(argv[1], "exec") ? make_exec : !strcmp(argv[1], "connect") ? make_connect : make_file;
	count = atol(argv[2]);
	rate = atof(argv[3]);
	if (chdir(argv[4]))
		err(1, "%s", argv[4]);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (void *)&to, sizeof(to)) || listen(listener, 64) || getsockname(listener, (void *)&to, &size))
		err(1, "listen");
	start = now();
	while (made < count) {
		/* What is due by now: so a rate is kept within half a millisecond. */
		long due = rate > 0 ? (long)((now() - start) * rate) : count;

		for (; made < due && made < count; made++)
			make(made);
		if (made < count)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	}
	printf("{\"made\":%ld,\"cpuSeconds\":%f,\"seconds\":%f}\n", made, cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN),
	       now() - start);
	return 0;
}
