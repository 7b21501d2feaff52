/* SPDX-License-Identifier: Apache-2.0 */
/* Makes noise, then asks a resolver, connects and executes: flood datagrams|connects COUNT PROGRAM. */
#include "dns.h"
#include <sys/wait.h>

static unsigned char query[MESSAGE_MAX], reply[MESSAGE_MAX];

static void noise(int is_connects, int count)
{
	int receiver = bound(host, SOCK_DGRAM, 0, -1), fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	union address to = address_of(host, port_of(receiver));

	for (int i = 0; i < count; i++) {
		if (is_connects)
			MUST(connect(fd, &to.any, sizeof(to.v4)));
		else
			MUST(sendto(fd, "noise", 5, 0, &to.any, sizeof(to.v4)));
	}
	close(fd);
	close(receiver);
}

int main(int argc, char **argv)
{
	struct exchange x;
	struct attempt a;
	union address local;
	int fd;

	if (argc < 4)
		return 64;
	start_resolver();
	noise(!strcmp(argv[1], "connects"), atoi(argv[2]));
	fd = datagram(0);
	x = ask(fd, 4660);
	MUST(sendto(fd, query, build_query(query, x.id, 0), 0, &x.peer.any, sizeof(x.peer.v4)));
	x.asked_after = boot_ns();
	answer_udp(&x, ADDRESSES);
	MUST(recv(fd, reply, sizeof(reply), 0));
	say(&x);
	a = try_connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), address_of(host, port_of(bound(host, SOCK_STREAM, 0, 4))));
	local = local_of(a.fd);
	say_attempt(&a, &local);
	execl(argv[3], "quiet", NULL);
	die(argv[3]);
}
