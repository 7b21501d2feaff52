/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends to an address without ever connecting to it: datagram sendto|sendmmsg|sendmsg|io_uring|twice|two [HOST]. The
 * receiver proves that it came. One line a destination.
 */
#include "net.h"
#include "uring.h"

static void send_to(const char *way, const char *host, int fd, int receiver)
{
	struct attempt a = { .fd = fd, .to = address_of(host, port_of(receiver)), .before = boot_ns() };
	struct iovec part = { "stolen", 6 };
	struct mmsghdr one = { .msg_hdr = { .msg_name = &a.to, .msg_namelen = address_size(&a.to), .msg_iov = &part,
					    .msg_iovlen = 1 } };
	int times = strcmp(way, "twice") ? 1 : 2;
	char got[6];

	for (int i = 0; i < times; i++) {
		if (!strcmp(way, "sendmmsg"))
			MUST(sendmmsg(fd, &one, 1, 0));
		else if (!strcmp(way, "sendmsg"))
			MUST(sendmsg(fd, &one.msg_hdr, 0));
		else if (!strcmp(way, "io_uring"))
			/* IORING_OP_SENDMSG */
			MUST(uring(9, fd, &one.msg_hdr, 0, 0) == 6 ? 0 : -1);
		else
			MUST(sendto(fd, "stolen", 6, 0, &a.to.any, address_size(&a.to)));
		if (!i)
			a.after = boot_ns();
		if (MUST(recv(receiver, got, sizeof(got), 0)) != 6)
			die("recv");
	}
	say_attempt(&a, NULL);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "", *host = argc > 2 ? argv[2] : "127.0.0.1";
	/* Of an IPv4 address that is written as IPv6 the receiver is an IPv4 one. */
	const char *own = strncmp(host, "::ffff:", 7) ? host : host + 7;
	int fd = MUST(socket(address_of(host, 0).any.sa_family, SOCK_DGRAM, 0));

	send_to(way, host, fd, bound(own, SOCK_DGRAM, 0, -1));
	if (!strcmp(way, "answer")) {
		/* Whoever was written to answers, which is no connect. */
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int other = bound(own, SOCK_DGRAM, 0, -1);
		union address to = address_of(host, port_of(other));
		char got[6];

		MUST(sendto(fd, "stolen", 6, 0, &to.any, address_size(&to)));
		MUST(recvfrom(other, got, sizeof(got), 0, (void *)&from, &size));
		MUST(sendto(other, got, sizeof(got), 0, (void *)&from, size));
	}
	if (!strcmp(way, "two"))
		send_to(way, host, fd, bound(own, SOCK_DGRAM, 0, -1));
	return 0;
}
