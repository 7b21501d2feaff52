/* SPDX-License-Identifier: Apache-2.0 */
/* Connects sockets of other kinds than TCP and UDP: network-socket WAY FOLDER. One line a connect. */
#include "net.h"
#include "int80.h"
#include "uring.h"
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

static unsigned long long before;

/* `peer` is what is told of a success, `asked` what was asked for. */
static void say(const char *transport, const char *type, const char *peer, int port, int protocol, int result)
{
	struct line l;
	FILE *to = line_begin(&l);

	json_text(to, "transport", transport);
	json_text(to, "type", type);
	if (peer)
		json_text(to, "peer", peer);
	fprintf(to, "\"port\":%d,\"protocol\":%d,\"result\":%d,\"before\":\"%llu\",\"after\":\"%llu\",", port, protocol, result,
		before, boot_ns());
	json_proc(to);
	line_end(&l);
}

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	if (path[0] == '@')
		a.sun_path[0] = 0;
	return a;
}

static socklen_t size_of(const struct sockaddr_un *a)
{
	return offsetof(struct sockaddr_un, sun_path) + (a->sun_path[0] ? strlen(a->sun_path) + 1 : 1 + strlen(a->sun_path + 1));
}

static int server(const char *path, int type)
{
	struct sockaddr_un a = named(path);
	int fd = MUST(socket(AF_UNIX, type, 0));

	MUST(bind(fd, (void *)&a, size_of(&a)));
	if (type != SOCK_DGRAM)
		MUST(listen(fd, 1));
	return fd;
}

static void try(const char *transport, const char *type, int fd, const void *to, socklen_t size, const char *peer, int port,
		int protocol)
{
	int result;

	before = boot_ns();
	result = connect(fd, to, size) ? -errno : 0;
	say(transport, type, peer, port, protocol, result);
}

static void try_unix(int type, const char *name, const char *path, const char *peer)
{
	struct sockaddr_un a = named(path);

	try("unix", name, MUST(socket(AF_UNIX, type, 0)), &a, size_of(&a), peer, 0, 0);
}

static void raw(const char *host)
{
	union address to = address_of(host, 0);
	int protocol = to.any.sa_family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int fd = socket(to.any.sa_family, SOCK_RAW, protocol);

	if (fd < 0)
		skip("this kernel has no such socket");
	try("raw", "raw", fd, &to, address_size(&to), host, 0, protocol);
}

static void compat(const char *path, const char *real)
{
	unsigned int *low = low_memory();
	struct sockaddr_un a = named(path);
	int result;

	memcpy(low + 16, &a, sizeof(a));
	low[0] = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	low[1] = (unsigned int)(unsigned long)(low + 16);
	low[2] = size_of(&a);
	before = boot_ns();
	/* 102 = socketcall, 3 = SYS_CONNECT */
	result = int80(102, 3, (long)low, 0);
	say("unix", "stream", real, 0, 0, result);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "", *folder = argc > 2 ? argv[2] : "";
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = 4711 };
	char path[100], linked[100];

	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(linked, sizeof(linked), "%s/link", folder);
	if (!strcmp(way, "stream") || !strcmp(way, "compat") || !strcmp(way, "io_uring")) {
		struct sockaddr_un a = named(path);

		server(path, SOCK_STREAM);
		if (!strcmp(way, "stream")) {
			/* By a symbolic link, and relative: what is told is where it lies. */
			MUST(symlink("socket", linked));
			MUST(chdir(folder));
			try_unix(SOCK_STREAM, "stream", "./link", path);
		} else if (!strcmp(way, "compat")) {
			compat(path, path);
		} else {
			int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), result;

			before = boot_ns();
			/* IORING_OP_CONNECT */
			result = uring(16, fd, &a, size_of(&a), 0);
			say("unix", "stream", path, 0, 0, result);
		}
	} else if (!strcmp(way, "datagram")) {
		server(path, SOCK_DGRAM);
		try_unix(SOCK_DGRAM, "datagram", path, path);
	} else if (!strcmp(way, "abstract")) {
		/* Freed memory of the kernel's behind the name would be told with it, were its length not. */
		server("@agentsmith-test-longer", SOCK_SEQPACKET);
		server("@agentsmith-test", SOCK_SEQPACKET);
		try_unix(SOCK_SEQPACKET, "seqpacket", "@agentsmith-test", "@agentsmith-test");
	} else if (!strcmp(way, "refused")) {
		close(server(path, SOCK_STREAM));
		try_unix(SOCK_STREAM, "stream", path, path);
		MUST(chdir(folder));
		try_unix(SOCK_STREAM, "stream", "nobody", strcat(strcpy(linked, folder), "/nobody"));
		try_unix(SOCK_DGRAM, "datagram", "@agentsmith-nobody", "@agentsmith-nobody");
	} else if (!strcmp(way, "netlink")) {
		try("netlink", "raw", MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)), &kernel, sizeof(kernel), "0",
		    0, NETLINK_KOBJECT_UEVENT);
	} else if (!strcmp(way, "vsock")) {
		int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

		if (fd < 0)
			skip("this kernel has no vsock");
		try("vsock", "stream", fd, &host, sizeof(host), "1", 4711, 0);
	} else if (!strcmp(way, "raw")) {
		raw("127.0.0.1");
		raw("::1");
	} else {
		return 64;
	}
	return 0;
}
