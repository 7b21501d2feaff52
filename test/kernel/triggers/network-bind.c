/* SPDX-License-Identifier: Apache-2.0 */
/* Binds sockets: network-bind WAY [HOST]. One line a bind; `implicit` and `raw` make none that is told. */
#include "net.h"
#include "int80.h"
#include "uring.h"

#define PROTOCOL_MPTCP 262

static const char *host = "127.0.0.1";
static unsigned long long before;

/* Members of `Bind` in test/support/bind.ts. */
static void say(int fd, int result, union address asked)
{
	union address local = result ? asked : local_of(fd);
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"result\":%d,\"before\":\"%llu\",\"after\":\"%llu\",", result, before, boot_ns());
	json_address(to, "local", &local);
	json_proc(to);
	line_end(&l);
}

static int open_socket(int type, int protocol)
{
	int fd = socket(address_of(host, 0).any.sa_family, type, protocol);

	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT))
		skip("this kernel has no such socket");
	return MUST(fd);
}

static int try_bind(int fd, union address to)
{
	int result;

	before = boot_ns();
	result = bind(fd, &to.any, address_size(&to)) ? -errno : 0;
	say(fd, result, to);
	return fd;
}

static void reused(void)
{
	int on = 1, first = open_socket(SOCK_DGRAM, 0), second = open_socket(SOCK_DGRAM, 0);

	MUST(setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)));
	MUST(setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)));
	try_bind(first, address_of(host, 0));
	try_bind(second, address_of(host, port_of(first)));
}

/* Each of these has a port afterwards, and nobody asked for it. */
static void implicit(void)
{
	union address to = address_of(host, port_of(bound(host, SOCK_DGRAM, 0, -1)));
	struct line l;
	int fd;

	MUST(connect(open_socket(SOCK_DGRAM, 0), &to.any, address_size(&to)));
	MUST(sendto(open_socket(SOCK_DGRAM, 0), "x", 1, 0, &to.any, address_size(&to)));
	MUST(listen(open_socket(SOCK_STREAM, 0), 1));
	to = address_of(host, port_of(bound(host, SOCK_STREAM, 0, 1)));
	MUST(connect(open_socket(SOCK_STREAM, 0), &to.any, address_size(&to)));
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	if (fd >= 0) {
		to = address_of("127.0.0.1", 0);
		MUST(bind(fd, &to.any, sizeof(to.v4)));
	}
	json_proc(line_begin(&l));
	line_end(&l);
}

static void in_use(void)
{
	int taken = try_bind(open_socket(SOCK_STREAM, 0), address_of(host, 0));

	try_bind(open_socket(SOCK_STREAM, 0), address_of(host, port_of(taken)));
}

static void by_int80(int socketcall)
{
	int fd = open_socket(SOCK_STREAM, 0);
	union address to = address_of(host, socketcall < 0 ? port_of(bound(host, SOCK_STREAM, 0, -1)) : 0);
	unsigned int *low = low_memory();
	int result;

	memcpy(low + 16, &to, sizeof(to));
	low[0] = fd;
	low[1] = (unsigned int)(unsigned long)(low + 16);
	low[2] = sizeof(to.v4);
	before = boot_ns();
	/* 102 = socketcall, 2 = SYS_BIND; 361 = bind */
	result = socketcall ? int80(102, 2, (long)low, 0) : int80(361, fd, low[1], low[2]);
	say(fd, result, to);
}

static void by_io_uring(void)
{
	int fd = open_socket(SOCK_STREAM, 0), result;
	union address to = address_of(host, 0);

	before = boot_ns();
	/* IORING_OP_BIND, Linux 6.11 */
	result = uring(56, fd, &to, sizeof(to.v4), 0);
	if (result == -EINVAL)
		skip("io_uring of this kernel cannot bind");
	say(fd, result, to);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	union address to;

	if (argc > 2)
		host = argv[2];
	to = address_of(host, 0);
	if (!strcmp(way, "tcp")) {
		try_bind(open_socket(SOCK_STREAM, 0), to);
	} else if (!strcmp(way, "udp")) {
		try_bind(open_socket(SOCK_DGRAM, 0), to);
	} else if (!strcmp(way, "mptcp")) {
		try_bind(open_socket(SOCK_STREAM, PROTOCOL_MPTCP), to);
	} else if (!strcmp(way, "port")) {
		int fd = bound(host, SOCK_STREAM, 0, -1);
		int port = port_of(fd);

		close(fd);
		/* The port is free again; that port is the one that is told. */
		prctl(PR_SET_NAME, "second bind");
		try_bind(open_socket(SOCK_STREAM, 0), address_of(host, port));
	} else if (!strcmp(way, "reuse")) {
		reused();
	} else if (!strcmp(way, "implicit")) {
		implicit();
	} else if (!strcmp(way, "in-use")) {
		in_use();
	} else if (!strcmp(way, "foreign")) {
		try_bind(open_socket(SOCK_DGRAM, 0), address_of(strchr(host, ':') ? "2001:db8::1" : "192.0.2.1", 4242));
	} else if (!strcmp(way, "twice")) {
		try_bind(try_bind(open_socket(SOCK_STREAM, 0), to), to);
	} else if (!strcmp(way, "forbidden")) {
		private_network(1);
		MUST(setuid(65534));
		try_bind(open_socket(SOCK_STREAM, 0), address_of(host, 22));
	} else if (!strcmp(way, "int80")) {
		by_int80(0);
	} else if (!strcmp(way, "socketcall")) {
		by_int80(1);
	} else if (!strcmp(way, "socketcall-in-use")) {
		by_int80(-1);
	} else if (!strcmp(way, "io_uring")) {
		by_io_uring();
	} else {
		return 64;
	}
	return 0;
}
