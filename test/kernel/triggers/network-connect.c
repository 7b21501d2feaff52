/* SPDX-License-Identifier: Apache-2.0 */
/* Connects with connect(2), with every outcome: network-connect OUTCOME [HOST]. One line an attempt. */
#include "net.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *host = "127.0.0.1";

static int stream(void)
{
	return MUST(socket(address_of(host, 0).any.sa_family, SOCK_STREAM, 0));
}

/* A v6 socket may be asked for a v4 address: the server then listens on that. */
static int server(int backlog)
{
	return bound(strncmp(host, "::ffff:", 7) ? host : host + 7, SOCK_STREAM, 0, backlog);
}

static void say_now(struct attempt a)
{
	union address local = local_of(a.fd);

	say_attempt(&a, &local);
}

/* After a refusal the socket forgets where it was bound. */
static void refused(int fd, int port)
{
	union address any = address_of(host, 0), local;

	MUST(bind(fd, &any.any, address_size(&any)));
	local = local_of(fd);
	struct attempt a = try_connect(fd, address_of(host, port));
	say_attempt(&a, &local);
}

static void *in_thread(void *to)
{
	prctl(PR_SET_NAME, "connecting");
	say_now(try_connect(stream(), *(union address *)to));
	return NULL;
}

static int fill_backlog(void)
{
	int listener = server(0), port = port_of(listener);

	/* The backlog takes one; SYNs of all others are dropped without a word. */
	say_now(try_connect(stream(), address_of(host, port)));
	return port;
}

static void black_hole(const char *outcome)
{
	struct attempt a;
	int fd;

	private_network(1);
	sysctl("ipv4/tcp_syn_retries", "1");
	/* Otherwise all retries come at the pace of one a second, and 4 more than asked for. */
	if (!access("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", W_OK))
		sysctl("ipv4/tcp_syn_linear_timeouts", "0");
	int port = fill_backlog();
	fd = stream();
	if (!strcmp(outcome, "timeout")) {
		a = try_connect(fd, address_of(host, port));
		say_attempt(&a, NULL);
		return;
	}
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	a = (struct attempt){ .fd = fd, .to = address_of(host, port), .before = boot_ns() };
	a.result = connect(fd, &a.to.any, address_size(&a.to)) ? -errno : 0;
	a.after = boot_ns();
	say_now(a);
	if (!strcmp(outcome, "pending")) {
		/* The test closes it when it has seen the pending record. */
		char byte;

		MUST(read(0, &byte, 1));
	}
	close(fd);
}

/* More open attempts than the programs have places for; the end of the process closes all. */
static void crowd(void)
{
	enum { ATTEMPTS = 700 };
	static struct attempt all[ATTEMPTS];
	struct rlimit files;
	int port;

	MUST(getrlimit(RLIMIT_NOFILE, &files));
	files.rlim_cur = files.rlim_max;
	MUST(setrlimit(RLIMIT_NOFILE, &files));
	private_network(1);
	port = fill_backlog();
	for (struct attempt *a = all; a < all + ATTEMPTS; a++) {
		*a = (struct attempt){ .fd = stream(), .to = address_of(host, port), .before = boot_ns() };
		MUST(fcntl(a->fd, F_SETFL, O_NONBLOCK));
		a->result = connect(a->fd, &a->to.any, address_size(&a->to)) ? -errno : 0;
		a->after = boot_ns();
	}
	for (int i = 0; i < ATTEMPTS; i++)
		say_now(all[i]);
}

static void local_ports_used_up(void)
{
	int listener;

	private_network(1);
	listener = server(4);
	sysctl("ipv4/ip_local_port_range", "40000\t40001");
	for (int i = 0; i < 3; i++) {
		struct attempt a = try_connect(stream(), address_of(host, port_of(listener)));
		union address local = local_of(a.fd);

		say_attempt(&a, &local);
	}
}

static void datagram(void)
{
	int receiver = bound(strncmp(host, "::ffff:", 7) ? host : host + 7, SOCK_DGRAM, 0, -1);
	int fd = MUST(socket(address_of(host, 0).any.sa_family, SOCK_DGRAM, 0));
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	say_now(try_connect(fd, address_of(host, port_of(receiver))));
	/* Undoing it is no attempt. */
	MUST(connect(fd, &none, sizeof(none)));
}

int main(int argc, char **argv)
{
	const char *outcome = argc > 1 ? argv[1] : "";
	union address to;
	pthread_t thread;
	int fd, port;

	if (argc > 2)
		host = argv[2];
	if (!strcmp(outcome, "ok")) {
		say_now(try_connect(stream(), address_of(host, port_of(server(4)))));
	} else if (!strcmp(outcome, "refused")) {
		refused(stream(), port_of(server(-1)));
	} else if (!strcmp(outcome, "nonblock")) {
		fd = stream();
		MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
		say_now(try_connect(fd, address_of(host, port_of(server(4)))));
	} else if (!strcmp(outcome, "nonblock-refused")) {
		fd = stream();
		MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
		refused(fd, port_of(server(-1)));
	} else if (!strcmp(outcome, "udp")) {
		datagram();
	} else if (!strcmp(outcome, "unreachable") || !strcmp(outcome, "unreachable-udp")) {
		private_network(0);
		to = address_of(host, 4242);
		struct attempt a = try_connect(MUST(socket(to.any.sa_family,
							   outcome[11] ? SOCK_DGRAM : SOCK_STREAM, 0)), to);
		say_attempt(&a, NULL);
	} else if (!strcmp(outcome, "not-available")) {
		local_ports_used_up();
	} else if (!strcmp(outcome, "timeout") || !strcmp(outcome, "closed") || !strcmp(outcome, "pending")) {
		black_hole(outcome);
	} else if (!strcmp(outcome, "crowd")) {
		crowd();
	} else if (!strcmp(outcome, "again")) {
		fd = stream();
		port = port_of(server(4));
		struct attempt a = try_connect(fd, address_of(host, port_of(server(-1))));
		say_attempt(&a, NULL);
		say_now(try_connect(fd, address_of(host, port)));
	} else if (!strcmp(outcome, "fails-twice")) {
		private_network(1);
		fd = stream();
		struct attempt a = try_connect(fd, address_of("192.0.2.1", 4242));
		say_attempt(&a, NULL);
		refused(fd, port_of(server(-1)));
	} else if (!strcmp(outcome, "thread")) {
		to = address_of(host, port_of(server(4)));
		pthread_create(&thread, NULL, in_thread, &to);
		pthread_join(thread, NULL);
	} else if (!strcmp(outcome, "child")) {
		fd = stream();
		port = port_of(server(4));
		if (!MUST(fork())) {
			say_now(try_connect(fd, address_of(host, port)));
			return 0;
		}
		MUST(wait(NULL));
	} else {
		return 64;
	}
	return 0;
}
