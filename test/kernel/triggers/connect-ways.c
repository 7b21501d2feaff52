/* SPDX-License-Identifier: Apache-2.0 */
/* Connects without connect(2), or not only with it: connect-ways WAY. One line an attempt. */
#include "net.h"
#include "int80.h"
#include "uring.h"

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#define PROTOCOL_MPTCP 262

static const char *const host = "127.0.0.1";

static void say(struct attempt a)
{
	union address local = local_of(a.fd);

	a.after = boot_ns();
	say_attempt(&a, &local);
}

static struct attempt begin(int fd, int listener)
{
	return (struct attempt){ .fd = fd, .to = address_of(host, port_of(listener)), .before = boot_ns() };
}

static void way_int80(int socketcall)
{
	unsigned int *low = low_memory();
	struct attempt a = begin(MUST(socket(AF_INET, SOCK_STREAM, 0)), bound(host, SOCK_STREAM, 0, 4));

	memcpy(low + 16, &a.to, sizeof(a.to));
	low[0] = a.fd;
	low[1] = (unsigned int)(unsigned long)(low + 16);
	low[2] = sizeof(a.to.v4);
	/* 102 = socketcall, 3 = SYS_CONNECT; 362 = connect */
	a.result = socketcall ? int80(102, 3, (long)low, 0) : int80(362, a.fd, low[1], low[2]);
	say(a);
}

static void way_io_uring(int async)
{
	struct attempt a = begin(MUST(socket(AF_INET, SOCK_STREAM, 0)), bound(host, SOCK_STREAM, 0, 4));

	a.result = uring(IORING_OP_CONNECT, a.fd, &a.to, sizeof(a.to.v4), async);
	say(a);
}

static int fast_open_server(void)
{
	int listener, queue = 5;

	private_network(1);
	sysctl("ipv4/tcp_fastopen", "3");
	listener = bound(host, SOCK_STREAM, 0, 4);
	MUST(setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)));
	return listener;
}

static struct attempt fast_open_send(int listener)
{
	struct attempt a = begin(MUST(socket(AF_INET, SOCK_STREAM, 0)), listener);

	if (sendto(a.fd, "x", 1, MSG_FASTOPEN, &a.to.any, sizeof(a.to.v4)) < 0)
		a.result = -errno;
	return a;
}

/* The first fetches a cookie, the second carries its data in the SYN. */
static void way_fast_open(void)
{
	int listener = fast_open_server();

	for (int i = 0; i < 2; i++)
		say(fast_open_send(listener));
}

/* With a cookie connect(2) only promises; the SYN leaves with the first write. */
static void way_fast_open_connect(void)
{
	int listener = fast_open_server(), on = 1, fd;
	struct attempt a;

	close(fast_open_send(listener).fd);
	fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)));
	a = begin(fd, listener);
	a.result = connect(fd, &a.to.any, sizeof(a.to.v4)) ? -errno : 0;
	MUST(write(fd, "x", 1));
	say(a);
}

static void way_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, PROTOCOL_MPTCP);

	if (fd < 0)
		skip("this kernel has no MPTCP");
	say(try_connect(fd, address_of(host, port_of(bound(host, SOCK_STREAM, PROTOCOL_MPTCP, 4)))));
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "int80"))
		way_int80(0);
	else if (!strcmp(way, "socketcall"))
		way_int80(1);
	else if (!strcmp(way, "io_uring"))
		way_io_uring(0);
	else if (!strcmp(way, "io_uring-worker"))
		way_io_uring(1);
	else if (!strcmp(way, "fast-open"))
		way_fast_open();
	else if (!strcmp(way, "fast-open-connect"))
		way_fast_open_connect();
	else if (!strcmp(way, "mptcp"))
		way_mptcp();
	else
		return 64;
	return 0;
}
