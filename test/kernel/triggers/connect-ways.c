/* SPDX-License-Identifier: Apache-2.0 */
/* Connects without connect(2), or not only with it: connect-ways WAY. One line an attempt. */
#include "net.h"
#include <linux/io_uring.h>
#include <signal.h>
#include <sys/mman.h>

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

#ifdef __x86_64__
static void no_int80(int signal)
{
	(void)signal;
	skip("this kernel has no 32-bit system calls");
}

/* 32-bit system calls from a 64-bit program: what they point to must lie below 4 GiB. */
static long int80(long nr, long a, long b, long c)
{
	long result;

	signal(SIGSEGV, no_int80);
	asm volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void way_int80(int socketcall)
{
	unsigned int *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct attempt a = begin(MUST(socket(AF_INET, SOCK_STREAM, 0)), bound(host, SOCK_STREAM, 0, 4));

	memcpy(low + 16, &a.to, sizeof(a.to));
	low[0] = a.fd;
	low[1] = (unsigned int)(unsigned long)(low + 16);
	low[2] = sizeof(a.to.v4);
	/* 102 = socketcall, 3 = SYS_CONNECT; 362 = connect */
	a.result = socketcall ? int80(102, 3, (long)low, 0) : int80(362, a.fd, low[1], low[2]);
	say(a);
}
#else
static void way_int80(int socketcall)
{
	(void)socketcall;
	skip("int 0x80 is of x86");
}
#endif

/* The rings by hand: one request, submitted and waited for. */
static void way_io_uring(int async)
{
	struct io_uring_params p = {};
	int ring = syscall(__NR_io_uring_setup, 2, &p);
	struct io_uring_sqe *sqe;
	char *submissions, *completions;
	struct attempt a;

	if (ring < 0)
		skip("this kernel refuses io_uring");
	submissions = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			   IORING_OFF_SQ_RING);
	completions = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
			   MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	a = begin(MUST(socket(AF_INET, SOCK_STREAM, 0)), bound(host, SOCK_STREAM, 0, 4));
	sqe->opcode = IORING_OP_CONNECT;
	sqe->fd = a.fd;
	sqe->addr = (unsigned long)&a.to;
	sqe->off = sizeof(a.to.v4);
	sqe->flags = async ? IOSQE_ASYNC : 0;
	*(unsigned *)(submissions + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(submissions + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	a.result = ((struct io_uring_cqe *)(completions + p.cq_off.cqes))->res;
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
