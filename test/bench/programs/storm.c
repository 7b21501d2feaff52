/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes events, on loopback and with an end:
 *
 *   storm exec COUNT            forks a child that executes this program with the arguments of a compiler
 *   storm tcp COUNT             connects to a listener of its own, and closes
 *   storm ptrace COUNT          writes a word into a child of its own that it traces
 *   storm file COUNT DIRECTORY  makes empty files there
 *   storm idle COUNT            system calls that are nobody's event
 *   storm udp RATE SECONDS      connects a datagram socket again and again, RATE times a second (0 = as fast as it can)
 *   storm dns COUNT             sends a query to a resolver of its own, port 53 of 127.53.0.1, and is answered
 *   storm packets COUNT         sends a datagram to another port and gets it back
 *
 * Prints how many it made.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static long storm_exec(long count)
{
	char *args[] = { "storm", "done", "-O2", "-Wall", "-fPIC", "-Iinclude", "-DNDEBUG", "-g", "-c",
			 "-o", "build/obj/main.o", "src/main.c", NULL };

	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0) {
			execv("/proc/self/exe", args);
			_exit(127);
		}
		if (child < 0 || waitpid(child, NULL, 0) != child)
			err(1, "fork");
	}
	return count;
}

static long storm_tcp(long count)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = loopback(0);
	socklen_t size = sizeof(to);
	/* Ends with a reset, so that no port waits. */
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (bind(listener, (void *)&to, sizeof(to)) || listen(listener, 64) || getsockname(listener, (void *)&to, &size))
		err(1, "listen");
	for (long i = 0; i < count; i++) {
		int one = socket(AF_INET, SOCK_STREAM, 0), other;

		if (connect(one, (void *)&to, sizeof(to)) || (other = accept(listener, NULL, NULL)) < 0)
			err(1, "connect");
		setsockopt(one, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(one);
		close(other);
	}
	return count;
}

static long storm_ptrace(long count)
{
	static long word;
	pid_t child = fork();

	if (child == 0) {
		for (;;)
			pause();
	}
	if (child < 0 || ptrace(PTRACE_ATTACH, child, 0, 0) || waitpid(child, NULL, 0) != child)
		err(1, "attach");
	for (long i = 0; i < count; i++) {
		if (ptrace(PTRACE_POKEDATA, child, &word, i))
			err(1, "poke");
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return count;
}

static long storm_file(long count, const char *directory)
{
	if (chdir(directory))
		err(1, "%s", directory);
	for (long i = 0; i < count; i++) {
		char name[32];
		int fd;

		snprintf(name, sizeof(name), "file%ld", i);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			err(1, "%s", name);
		close(fd);
	}
	return count;
}

/* System calls that are nobody's event. */
static long storm_idle(long count)
{
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	return count;
}

static long storm_udp(double rate, double seconds)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	double start = now(), at = start;
	long made = 0;

	while (at - start < seconds) {
		/* What is due by now, and at most 256: so a rate is kept within half a millisecond. */
		long due = rate > 0 ? (long)((at - start) * rate) : made + 256;

		for (int i = 0; made < due && i < 256; i++, made++) {
			struct sockaddr_in to = loopback(1024 + (int)(made & 0x7fff));

			if (connect(s, (void *)&to, sizeof(to)))
				err(1, "connect");
		}
		if (rate > 0 && made >= due)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		at = now();
	}
	return made;
}

/* One datagram there and one back, each time; both ends are ours, so no other process takes part. */
static long storm_packets(long count, int port)
{
	static const unsigned char query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";
	int client = socket(AF_INET, SOCK_DGRAM, 0), server = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = loopback(port), from;
	socklen_t size = sizeof(from);
	char message[512];

	/* An address where no resolver of the machine listens. */
	to.sin_addr.s_addr = htonl(0x7f350001);
	if (bind(server, (void *)&to, sizeof(to)))
		err(1, "bind");
	for (long i = 0; i < count; i++) {
		ssize_t n;

		if (sendto(client, query, sizeof(query) - 1, 0, (void *)&to, sizeof(to)) < 0 ||
		    (n = recvfrom(server, message, sizeof(message), 0, (void *)&from, &size)) < 0)
			err(1, "query");
		message[2] |= 0x80;
		if (sendto(server, message, n, 0, (void *)&from, size) < 0 || recv(client, message, sizeof(message), 0) < 0)
			err(1, "answer");
	}
	return count;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "done";
	long made = 0;

	if (!strcmp(what, "done"))
		return 0;
	if (!strcmp(what, "exec"))
		made = storm_exec(atol(argv[2]));
	else if (!strcmp(what, "tcp"))
		made = storm_tcp(atol(argv[2]));
	else if (!strcmp(what, "ptrace"))
		made = storm_ptrace(atol(argv[2]));
	else if (!strcmp(what, "dns"))
		made = storm_packets(atol(argv[2]), 53);
	else if (!strcmp(what, "packets"))
		made = storm_packets(atol(argv[2]), 1053);
	else if (!strcmp(what, "file") && argc > 3)
		made = storm_file(atol(argv[2]), argv[3]);
	else if (!strcmp(what, "idle"))
		made = storm_idle(atol(argv[2]));
	else if (!strcmp(what, "udp") && argc > 3)
		made = storm_udp(atof(argv[2]), atof(argv[3]));
	else
		errx(64, "storm exec|tcp|dns|packets|ptrace|idle COUNT, storm file COUNT DIRECTORY, storm udp RATE SECONDS");
	printf("%ld\n", made);
	return 0;
}
