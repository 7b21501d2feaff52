/* SPDX-License-Identifier: Apache-2.0 */
/* Sends to an address without ever connecting to it: datagram sendto|sendmmsg. The receiver proves that it came. */
#include "net.h"

int main(int argc, char **argv)
{
	int receiver = bound("127.0.0.1", SOCK_DGRAM, 0, -1), fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	struct attempt a = { .fd = fd, .to = address_of("127.0.0.1", port_of(receiver)), .before = boot_ns() };
	struct iovec part = { "stolen", 6 };
	struct mmsghdr one = { .msg_hdr = { .msg_name = &a.to, .msg_namelen = sizeof(a.to.v4), .msg_iov = &part,
					    .msg_iovlen = 1 } };
	char got[6];

	if (argc > 1 && !strcmp(argv[1], "sendmmsg"))
		MUST(sendmmsg(fd, &one, 1, 0));
	else
		MUST(sendto(fd, "stolen", 6, 0, &a.to.any, sizeof(a.to.v4)));
	a.after = boot_ns();
	if (MUST(recv(receiver, got, sizeof(got), 0)) != 6)
		die("recv");
	say_attempt(&a, NULL);
	return 0;
}
