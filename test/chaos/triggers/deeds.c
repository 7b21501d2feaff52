/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbered deeds of a user that nobody else is, so that an agent with `keep … uid=` counts these alone:
 *
 *   deeds UID storm FIRST COUNT RATE EVERY  connects a datagram socket COUNT times, to 127.0.0.0/8 with the number of the
 *                                           deed as the address, RATE times a second (0 = as fast as it can); behind each
 *                                           EVERY of them a child executes this program (0 = none)
 *   deeds UID cpus FIRST                    one such deed on each CPU
 *   deeds UID mixed RATE SECONDS DIRECTORY  a day in little: connections, queries, files, programs
 *
 * Prints lines: the number of the next deed and the time (ns since the epoch) before it, at the beginning, behind each
 * 256 deeds and at the end; the last line is `done` and how many connects, programs, files and queries there were.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long connects, programs, files, queries;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void tell(long next)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	printf("%ld %lld%09ld\n", next, (long long)t.tv_sec, t.tv_nsec);
	fflush(stdout);
}

static void connect_to(int s, long number)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(127u << 24 | (unsigned)number),
	};

	if (connect(s, (void *)&to, sizeof(to)))
		err(1, "connect");
	connects++;
}

static void program(long number)
{
	char text[24], *args[] = { "deed", text, NULL };
	pid_t child;

	snprintf(text, sizeof(text), "%ld", number);
	child = fork();
	if (child == 0) {
		execv("/proc/self/exe", args);
		_exit(127);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		err(1, "fork");
	programs++;
}

static void storm(long first, long count, double rate, long every)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	double start = now();

	tell(first);
	for (long made = 0; made < count;) {
		long due = rate > 0 ? (long)((now() - start) * rate) : count;

		while (made < due && made < count) {
			connect_to(s, first + made++);
			if (every && made % every == 0)
				program(first + made - 1);
			if (made % 256 == 0)
				tell(first + made);
		}
		if (made < count)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	}
	tell(first + count);
}

static void each_cpu(long first)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cpu_set_t all, one;
	long made = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		err(1, "affinity");
	tell(first);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			err(1, "affinity");
		connect_to(s, first + made++);
	}
	tell(first + made);
}

/* A query and its answer, both ends ours: `server` is bound to port 53. */
static void query(int client, int server)
{
	static const unsigned char text[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";
	struct sockaddr_in to, from;
	socklen_t size = sizeof(to);
	char message[512];
	ssize_t n;

	if (getsockname(server, (void *)&to, &size) ||
	    sendto(client, text, sizeof(text) - 1, 0, (void *)&to, sizeof(to)) < 0)
		err(1, "query");
	size = sizeof(from);
	if ((n = recvfrom(server, message, sizeof(message), 0, (void *)&from, &size)) < 0)
		err(1, "query");
	message[2] |= 0x80;
	if (sendto(server, message, n, 0, (void *)&from, size) < 0 || recv(client, message, sizeof(message), 0) < 0)
		err(1, "answer");
	queries++;
}

static void make_file(long number)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "file%ld", number);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		err(1, "%s", name);
	close(fd);
	if (unlink(name))
		err(1, "%s", name);
	files++;
}

/* Of eight deeds five connect, one is a query, one a file, one a program. */
static void mixed(double rate, double seconds, int server)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	double start = now();
	long made = 0;

	while (now() - start < seconds) {
		long due = (long)((now() - start) * rate);

		for (; made < due; made++) {
			if (made % 8 == 5)
				query(client, server);
			else if (made % 8 == 6)
				make_file(made);
			else if (made % 8 == 7)
				program(made);
			else
				connect_to(s, 1 + made % 0xffff00);
		}
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	struct sockaddr_in resolver = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		/* An address of our own: others on the machine may play resolvers too. */
		.sin_addr.s_addr = htonl(127u << 24 | 53 << 16 | (getpid() & 0xffff)),
	};
	int server = -1;

	if (argc > 1 && !strcmp(argv[0], "deed"))
		return 0;
	/* Whoever started us may be killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!strcmp(what, "mixed") && argc > 5) {
		server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(server, (void *)&resolver, sizeof(resolver)) || chdir(argv[5]))
			err(1, "mixed");
	}
	if (argc > 3 && setresuid(atoi(argv[1]), atoi(argv[1]), atoi(argv[1])))
		err(1, "setresuid");
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* another user forgets it */
	if (!strcmp(what, "storm") && argc > 6)
		storm(atol(argv[3]), atol(argv[4]), atof(argv[5]), atol(argv[6]));
	else if (!strcmp(what, "cpus") && argc > 3)
		each_cpu(atol(argv[3]));
	else if (!strcmp(what, "mixed") && argc > 5)
		mixed(atof(argv[3]), atof(argv[4]), server);
	else
		errx(64, "deeds UID storm FIRST COUNT RATE EVERY | cpus FIRST | mixed RATE SECONDS DIRECTORY");
	printf("done %ld %ld %ld %ld\n", connects, programs, files, queries);
	return 0;
}
