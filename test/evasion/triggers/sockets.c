/* SPDX-License-Identifier: Apache-2.0 */
/* Connects sockets of other kinds than TCP and UDP. One line a kind that this kernel has. */
#include "net.h"
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/ip_icmp.h>
#include <sys/un.h>

static void say(const char *kind, int fd, int result)
{
	struct line l;
	FILE *to = line_begin(&l);

	json_text(to, "kind", kind);
	fprintf(to, "\"cookie\":\"%llu\",\"result\":%d,", cookie_of(fd), result);
	json_proc(to);
	line_end(&l);
}

static void try(const char *kind, int fd, const void *to, socklen_t size)
{
	if (fd >= 0)
		say(kind, fd, connect(fd, to, size) ? -errno : 0);
}

/* A packet of our own making leaves by it. */
static void raw(void)
{
	union address to = address_of("127.0.0.1", 0);
	struct icmphdr echo = { .type = ICMP_ECHO, .checksum = 0xfff7 };
	int fd = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));

	try("raw", fd, &to, sizeof(to.v4));
	MUST(send(fd, &echo, sizeof(echo), 0));
}

int main(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = 1 };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0agentsmith-evasion" };
	int listener;

	private_network(1);
	raw();
	listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(listener, (void *)&name, sizeof(name)));
	MUST(listen(listener, 1));
	try("unix", MUST(socket(AF_UNIX, SOCK_STREAM, 0)), &name, sizeof(name));
	try("netlink", MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), &kernel, sizeof(kernel));
	try("vsock", socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0), &host, sizeof(host));
	return 0;
}
