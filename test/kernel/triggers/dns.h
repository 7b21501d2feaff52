/* SPDX-License-Identifier: Apache-2.0 */
/* A resolver on loopback, in a network namespace of its own and in the very process that asks it: no time passes unasked. */
#ifndef DNS_H
#define DNS_H

#include "net.h"

#define MESSAGE_MAX 8192

/* What the resolver answers. */
enum answer { ADDRESSES, NO_SUCH_NAME, CUT, LARGE, HUGE_ONE };

/* One query and its answer: what the trigger says of it. Members of `Exchange` in test/support/dns.ts. */
struct exchange {
	int fd;                     /* -1 = no call names it */
	int id;
	int tcp;
	union address peer, local;
	size_t query_size, answer_size;
	unsigned long long asked_before, asked_after, answered_before, answered_after;
};

static const char *host = "127.0.0.1";
static int resolver_port = 53;
static int udp_server, tcp_server;

static size_t put16(unsigned char *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value;
	return 2;
}

/* www.example.com A, with EDNS where it is asked for. */
static size_t build_query(unsigned char *to, int id, int udp_size)
{
	static const unsigned char question[] = "\3www\7example\3com\0\0\1\0\1";
	size_t n = 0;

	n += put16(to + n, id);
	n += put16(to + n, 0x0100);
	n += put16(to + n, 1);
	n += put16(to + n, 0);
	n += put16(to + n, 0);
	n += put16(to + n, udp_size ? 1 : 0);
	memcpy(to + n, question, sizeof(question) - 1);
	n += sizeof(question) - 1;
	if (udp_size) {
		to[n++] = 0;
		n += put16(to + n, 41);
		n += put16(to + n, udp_size);
		memset(to + n, 0, 6);
		n += 6;
	}
	return n;
}

static size_t put_record(unsigned char *at, int type, int length)
{
	size_t n = put16(at, 0xc00c);

	n += put16(at + n, type);
	n += put16(at + n, 1);
	n += put16(at + n, 0);
	n += put16(at + n, 60);
	n += put16(at + n, length);
	return n;
}

/* CNAME host.example.com and two addresses; or many TXT records in front of them. */
static size_t build_answer(unsigned char *to, int id, enum answer kind)
{
	static const unsigned char cname[] = "\4host\xc0\x10";
	size_t n = build_query(to, id, 0);
	int texts = kind == LARGE ? 8 : kind == HUGE_ONE ? 25 : 0;

	put16(to + 2, 0x8180 | (kind == NO_SUCH_NAME ? 3 : 0) | (kind == CUT ? 0x200 : 0));
	if (kind == NO_SUCH_NAME || kind == CUT)
		return n;
	put16(to + 6, 3 + texts);
	n += put_record(to + n, 5, sizeof(cname) - 1);
	memcpy(to + n, cname, sizeof(cname) - 1);
	n += sizeof(cname) - 1;
	n += put_record(to + n, 1, 4);
	n += put16(to + n, 192 << 8 | 0);
	n += put16(to + n, 2 << 8 | 7);
	n += put_record(to + n, 28, 16);
	memset(to + n, 0, 16);
	to[n] = 0x20;
	to[n + 1] = 1;
	to[n + 15] = 7;
	n += 16;
	for (int i = 0; i < texts; i++) {
		n += put_record(to + n, 16, 200);
		to[n] = 199;
		memset(to + n + 1, 'x', 199);
		n += 200;
	}
	return n;
}

/* A v6 socket may be asked for a v4 address: the resolver then listens on that. */
static void start_resolver(void)
{
	const char *at = strncmp(host, "::ffff:", 7) ? host : host + 7;
	union address a = address_of(at, resolver_port);

	private_network(1);
	udp_server = MUST(socket(a.any.sa_family, SOCK_DGRAM, 0));
	tcp_server = MUST(socket(a.any.sa_family, SOCK_STREAM, 0));
	MUST(bind(udp_server, &a.any, address_size(&a)));
	MUST(bind(tcp_server, &a.any, address_size(&a)));
	MUST(listen(tcp_server, 8));
}

static union address resolver(void)
{
	return address_of(host, resolver_port);
}

static int datagram(int connected)
{
	union address to = resolver();
	int fd = MUST(socket(to.any.sa_family, SOCK_DGRAM, 0));

	if (connected)
		MUST(connect(fd, &to.any, address_size(&to)));
	return fd;
}

static struct exchange ask(int fd, int id)
{
	return (struct exchange){ .fd = fd, .id = id, .peer = resolver(), .asked_before = boot_ns() };
}

/* Answers the next datagram. */
static void answer_udp(struct exchange *x, enum answer kind)
{
	unsigned char message[MESSAGE_MAX];
	union address from;
	socklen_t size = sizeof(from);

	x->query_size = MUST(recvfrom(udp_server, message, sizeof(message), 0, &from.any, &size));
	x->local = from;
	x->answer_size = build_answer(message, message[0] << 8 | message[1], kind);
	x->answered_before = boot_ns();
	MUST(sendto(udp_server, message, x->answer_size, 0, &from.any, size));
	x->answered_after = boot_ns();
}

static void say(const struct exchange *x)
{
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"fd\":%d,\"id\":%d,\"transport\":\"%s\",\"querySize\":%zu,\"answerSize\":%zu,", x->fd, x->id,
		x->tcp ? "tcp" : "udp", x->query_size, x->answer_size);
	fprintf(to, "\"asked\":[\"%llu\",\"%llu\"],\"answered\":[\"%llu\",\"%llu\"],", x->asked_before, x->asked_after,
		x->answered_before, x->answered_after);
	json_address(to, "peer", &x->peer);
	json_address(to, "local", &x->local);
	json_proc(to);
	line_end(&l);
}

#endif
