/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets for the connect triggers: loopback or a network namespace of their own, never beyond. */
#ifndef NET_H
#define NET_H

#include "truth.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline socklen_t address_size(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static inline union address address_of(const char *host, int port)
{
	union address a = {};

	if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
	} else {
		inet_pton(AF_INET6, host, &a.v6.sin6_addr);
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
	}
	return a;
}

static inline union address local_of(int fd)
{
	union address a = {};
	socklen_t size = sizeof(a);

	MUST(getsockname(fd, &a.any, &size));
	return a;
}

static inline int port_of(int fd)
{
	return ntohs(local_of(fd).v4.sin_port);
}

/* A socket bound to `host` on a free port; with a backlog it listens, with -1 it refuses. */
static inline int bound(const char *host, int type, int protocol, int backlog)
{
	union address a = address_of(host, 0);
	int fd = socket(a.any.sa_family, type, protocol);

	if (fd < 0 && errno == EAFNOSUPPORT)
		skip("this kernel has no such address family");
	MUST(fd);
	MUST(bind(fd, &a.any, address_size(&a)));
	if (backlog >= 0)
		MUST(listen(fd, backlog));
	return fd;
}

/* A network namespace that has nothing but, if asked for, its loopback. */
static inline void private_network(int loopback)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET))
		skip("this kernel allows no network namespace");
	if (!loopback)
		return;
	fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(ioctl(fd, SIOCSIFFLAGS, &lo));
	close(fd);
}

static inline void sysctl(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		skip("a setting of the network cannot be changed here");
	close(fd);
}

/* One attempt to connect: what the trigger says of it. Members of `Attempt` in test/support/connect.ts. */
struct attempt {
	int fd;
	int result;                 /* 0 or -errno, of the call or, for non-blocking ones, of the socket */
	union address to;
	unsigned long long before;
	unsigned long long after;
};

static inline unsigned long long cookie_of(int fd)
{
	unsigned long long cookie = 0;
	socklen_t size = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	return cookie;
}

static inline void json_address(FILE *to, const char *key, const union address *a)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(a->any.sa_family, a->any.sa_family == AF_INET ? (void *)&a->v4.sin_addr : (void *)&a->v6.sin6_addr,
		  text, sizeof(text));
	fprintf(to, "\"%s\":{\"address\":\"%s\",\"port\":%d},", key, text, ntohs(a->v4.sin_port));
}

/* A whole line about an attempt: who made it, and what came of it. `local` must be asked before the end. */
static inline void say_attempt(const struct attempt *a, const union address *local)
{
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"fd\":%d,\"result\":%d,\"cookie\":\"%llu\",\"before\":\"%llu\",\"after\":\"%llu\",", a->fd, a->result,
		cookie_of(a->fd), a->before, a->after);
	json_address(to, "peer", &a->to);
	if (local)
		json_address(to, "local", local);
	json_proc(to);
	line_end(&l);
}

/* connect(2), and for a non-blocking socket the wait for its result. */
static inline struct attempt try_connect(int fd, union address to)
{
	struct attempt a = { .fd = fd, .to = to, .before = boot_ns() };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(a.result);

	if (connect(fd, &to.any, address_size(&to)))
		a.result = -errno;
	if (a.result == -EINPROGRESS) {
		MUST(poll(&p, 1, -1));
		MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &a.result, &size));
		a.result = -a.result;
	}
	a.after = boot_ns();
	return a;
}

#endif
