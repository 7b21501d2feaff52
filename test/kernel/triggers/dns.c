/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a resolver in every way: dns WAY [HOST [PORT]]. One line an exchange. */
#include "dns.h"
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

static unsigned char query[MESSAGE_MAX], answer[MESSAGE_MAX];
static const char *way;

static int is(const char *name)
{
	return !strcmp(way, name);
}

/* The rings by hand: one request, submitted and waited for. */
static int ring_do(int opcode, int fd, void *bytes, unsigned length)
{
	struct io_uring_params p = {};
	int ring = syscall(__NR_io_uring_setup, 2, &p), result;
	struct io_uring_sqe *sqe;
	char *submissions, *completions;

	if (ring < 0)
		skip("this kernel refuses io_uring");
	submissions = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			   IORING_OFF_SQ_RING);
	completions = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
			   MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->addr = (unsigned long)bytes;
	sqe->len = length;
	*(unsigned *)(submissions + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(submissions + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	result = ((struct io_uring_cqe *)(completions + p.cq_off.cqes))->res;
	close(ring);
	return result;
}

/* Sends `length` bytes of the query by the call that the way names. */
static void send_by(struct exchange *x, int fd, size_t length)
{
	union address to = x->peer;
	struct iovec parts[2] = { { query, 5 }, { query + 5, length - 5 } };
	struct msghdr message = { .msg_name = &to, .msg_namelen = address_size(&to), .msg_iov = parts, .msg_iovlen = 2 };
	struct mmsghdr one = { .msg_hdr = message };
	int pipes[2];

	if (is("write")) {
		MUST(write(fd, query, length));
	} else if (is("writev") || is("readv")) {
		MUST(writev(fd, parts, 2));
	} else if (is("sendmsg")) {
		MUST(sendmsg(fd, &message, 0));
	} else if (is("sendmmsg")) {
		MUST(sendmmsg(fd, &one, 1, 0));
	} else if (is("io_uring")) {
		if (ring_do(IORING_OP_SEND, fd, query, length) != (int)length)
			skip("this kernel has no send by io_uring");
		x->fd = -1;
	} else if (is("splice")) {
		MUST(pipe(pipes));
		MUST(write(pipes[1], query, length));
		MUST(splice(pipes[0], NULL, fd, NULL, length, 0));
		/* How it is passed on is up to the kernel; the number of the call is splice's all the same. */
	} else if (is("connected")) {
		MUST(send(fd, query, length, 0));
	} else {
		MUST(sendto(fd, query, length, 0, &to.any, address_size(&to)));
	}
}

static void receive_by(int fd)
{
	struct iovec part = { answer, sizeof(answer) };
	struct mmsghdr one = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };

	if (is("never-read"))
		return;
	if (is("readv"))
		MUST(readv(fd, &part, 1));
	else if (is("sendmmsg"))
		MUST(recvmmsg(fd, &one, 1, 0, NULL));
	else if (is("io_uring"))
		ring_do(IORING_OP_RECV, fd, answer, sizeof(answer));
	else
		MUST(recv(fd, answer, sizeof(answer), 0));
}

static struct exchange exchange(int fd, int id, enum answer kind, int udp_size)
{
	size_t length = build_query(query, id, udp_size);
	struct exchange x = ask(fd, id);

	send_by(&x, fd, length);
	x.asked_after = boot_ns();
	if (is("late"))
		usleep(120000);
	answer_udp(&x, kind);
	receive_by(fd);
	return x;
}

static void say_exchange(int fd, int id, enum answer kind)
{
	struct exchange x = exchange(fd, id, kind, is("edns") ? 1232 : 0);

	say(&x);
}

static void *in_thread(void *fd)
{
	prctl(PR_SET_NAME, "asking");
	say_exchange(*(int *)fd, 77, ADDRESSES);
	return NULL;
}

/* Two queries by one sendmmsg, their answers by one recvmmsg. */
static void way_batch(void)
{
	struct exchange x[2];
	struct mmsghdr messages[2] = {};
	struct iovec parts[2];
	unsigned char queries[2][512];
	union address to = resolver();
	int fd = datagram(0);

	for (int i = 0; i < 2; i++) {
		parts[i] = (struct iovec){ queries[i], build_query(queries[i], 500 + i, 0) };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &to, .msg_namelen = address_size(&to),
						       .msg_iov = &parts[i], .msg_iovlen = 1 };
		x[i] = ask(fd, 500 + i);
	}
	MUST(sendmmsg(fd, messages, 2, 0));
	for (int i = 0; i < 2; i++) {
		x[i].asked_after = boot_ns();
		answer_udp(&x[i], ADDRESSES);
	}
	for (int i = 0; i < 2; i++) {
		parts[i] = (struct iovec){ queries[i], sizeof(queries[i]) };
		messages[i].msg_hdr.msg_name = NULL;
		messages[i].msg_hdr.msg_namelen = 0;
	}
	if (MUST(recvmmsg(fd, messages, 2, 0, NULL)) != 2)
		die("recvmmsg");
	say(&x[0]);
	say(&x[1]);
}

/* Two queries in one call, which the network device cuts apart; or their answers, which it put together. */
static void way_segmented(void)
{
	size_t length = build_query(query, 600, 0);
	int size = length, fd = datagram(1);
	struct exchange x[2] = { ask(fd, 600), ask(fd, 601) };

	if (setsockopt(fd, IPPROTO_UDP, 103 /* UDP_SEGMENT */, &size, sizeof(size)))
		skip("this kernel cannot segment datagrams");
	build_query(query + length, 601, 0);
	MUST(send(fd, query, 2 * length, 0));
	for (int i = 0; i < 2; i++) {
		x[i].asked_after = boot_ns();
		answer_udp(&x[i], ADDRESSES);
	}
	say(&x[0]);
	say(&x[1]);
}

/* More queries than a small ring takes, which nobody answers. */
static void way_flood(void)
{
	union address to = resolver();
	size_t length = build_query(query, 1, 0);
	int fd = datagram(0);
	struct exchange x = ask(fd, 1);

	for (int i = 0; i < 2000; i++)
		MUST(sendto(fd, query, length, 0, &to.any, address_size(&to)));
	x.asked_after = boot_ns();
	x.local = local_of(fd);
	say(&x);
}

/* Parent and child ask by the same socket, before either is answered. */
static void way_shared(void)
{
	int fd = datagram(0), ready[2], asked[2], answered[2];
	struct exchange mine, its;
	size_t length = build_query(query, 1, 0);
	char byte = 0;

	MUST(pipe(ready));
	MUST(pipe(asked));
	MUST(pipe(answered));
	if (!MUST(fork())) {
		MUST(read(ready[0], &byte, 1));
		build_query(query, 2, 0);
		its = ask(fd, 2);
		send_by(&its, fd, length);
		its.asked_after = boot_ns();
		MUST(write(asked[1], &its, sizeof(its)));
		MUST(read(answered[0], &its, sizeof(its)));
		say(&its);
		exit(0);
	}
	mine = ask(fd, 1);
	send_by(&mine, fd, length);
	mine.asked_after = boot_ns();
	MUST(write(ready[1], &byte, 1));
	MUST(read(asked[0], &its, sizeof(its)));
	answer_udp(&mine, ADDRESSES);
	answer_udp(&its, ADDRESSES);
	MUST(write(answered[1], &its, sizeof(its)));
	MUST(wait(NULL));
	say(&mine);
}

/* A process that never made the socket gets it handed over and asks. */
static void way_passed(void)
{
	char room[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	int pair[2], fd;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	if (!MUST(fork())) {
		MUST(recvmsg(pair[0], &message, 0));
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
		say_exchange(fd, 9, ADDRESSES);
		exit(0);
	}
	fd = datagram(1);
	message.msg_control = room;
	CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof(fd));
	MUST(sendmsg(pair[1], &message, 0));
	MUST(wait(NULL));
}

static void must_read(int fd, unsigned char *to, size_t length)
{
	for (size_t at = 0; at < length;)
		at += MUST(recv(fd, to + at, length - at, 0));
}

/* Sends the stream as the way cuts it; every piece is a segment of its own (TCP_NODELAY). */
static void send_pieces(int fd, const unsigned char *bytes, size_t length)
{
	size_t first = is("tcp-prefix") ? 2 : is("tcp-byte") ? 1 : is("tcp-cut") ? 20 : length;

	MUST(send(fd, bytes, first, 0));
	if (first < length && is("tcp-byte")) {
		MUST(send(fd, bytes + 1, 1, 0));
		first = 2;
	}
	if (first < length)
		MUST(send(fd, bytes + first, length - first, 0));
}

static void way_tcp(int count, enum answer kind)
{
	union address to = resolver();
	int fd = MUST(socket(to.any.sa_family, SOCK_STREAM, 0)), server, on = 1;
	static unsigned char stream[4 * MESSAGE_MAX];
	struct exchange x[3];
	size_t length = 0, n;

	MUST(connect(fd, &to.any, address_size(&to)));
	server = MUST(accept(tcp_server, NULL, NULL));
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	MUST(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	for (int i = 0; i < count; i++) {
		x[i] = ask(fd, 300 + i);
		x[i].tcp = 1;
		x[i].local = local_of(fd);
		x[i].query_size = build_query(stream + length + 2, 300 + i, 0);
		length += put16(stream + length, x[i].query_size) + x[i].query_size;
	}
	send_pieces(fd, stream, length);
	for (int i = 0; i < count; i++)
		x[i].asked_after = boot_ns();
	must_read(server, stream, length);
	for (int i = length = 0; i < count; i++) {
		n = build_answer(stream + length + 2, 300 + i, kind);
		x[i].answer_size = n;
		x[i].answered_before = boot_ns();
		length += put16(stream + length, n) + n;
	}
	send_pieces(server, stream, length);
	must_read(fd, stream, length);
	for (int i = 0; i < count; i++) {
		x[i].answered_after = boot_ns();
		say(&x[i]);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int fd;

	way = argc > 1 ? argv[1] : "";
	if (argc > 2)
		host = argv[2];
	if (argc > 3)
		resolver_port = atoi(argv[3]);
	start_resolver();
	if (is("batch")) {
		way_batch();
	} else if (is("segmented")) {
		way_segmented();
	} else if (is("flood")) {
		way_flood();
	} else if (is("shared")) {
		way_shared();
	} else if (is("passed")) {
		way_passed();
	} else if (is("tcp-many")) {
		way_tcp(3, ADDRESSES);
	} else if (is("tcp-large")) {
		way_tcp(1, LARGE);
	} else if (is("tcp-huge")) {
		way_tcp(1, HUGE_ONE);
	} else if (!strncmp(way, "tcp", 3)) {
		way_tcp(1, ADDRESSES);
	} else if (is("cut")) {
		say_exchange(datagram(0), 11, CUT);
		way_tcp(1, ADDRESSES);
	} else if (is("thread")) {
		fd = datagram(0);
		pthread_create(&thread, NULL, in_thread, &fd);
		pthread_join(thread, NULL);
	} else if (is("nxdomain")) {
		say_exchange(datagram(0), 12, NO_SUCH_NAME);
	} else if (is("large")) {
		say_exchange(datagram(0), 13, LARGE);
	} else {
		/* These calls name no address. */
		fd = datagram(is("write") || is("writev") || is("readv") || is("io_uring") || is("splice") || is("connected"));
		say_exchange(fd, 4660, ADDRESSES);
	}
	return 0;
}
