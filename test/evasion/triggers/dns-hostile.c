/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that are made to break who reads them, each echoed as its own answer, and an honest one at the end. */
#include "dns.h"

static unsigned char message[MESSAGE_MAX];

static size_t head(int id, int questions)
{
	memset(message, 0, sizeof(message));
	put16(message, id);
	put16(message + 2, 0x0100);
	put16(message + 4, questions);
	return 12;
}

static size_t kind_of_query(size_t n)
{
	put16(message + n, 1);
	put16(message + n + 2, 1);
	return n + 4;
}

/* A name that is only a pointer to itself. */
static size_t loop(int id)
{
	size_t n = head(id, 1);

	return kind_of_query(n + put16(message + n, 0xc00c));
}

/* A label, then a pointer back to it, for ever. */
static size_t label_loop(int id)
{
	size_t n = head(id, 1);

	memcpy(message + n, "\1a", 2);
	return kind_of_query(n + 2 + put16(message + n + 2, 0xc00c));
}

/* Pointers to pointers. */
static size_t chain(int id)
{
	size_t n = head(id, 1), end = n + 400;

	for (; n < end; n += 2)
		put16(message + n, 0xc000 | (n + 2));
	return kind_of_query(n + 1);
}

/* Ten labels of 63 bytes where a name has 255 at most. */
static size_t long_name(int id)
{
	size_t n = head(id, 1);

	for (int i = 0; i < 10; i++, n += 64) {
		message[n] = 63;
		memset(message + n + 1, 'a' + i, 63);
	}
	return kind_of_query(n + 1);
}

/* Bytes that end strings, split names, and end lines. */
static size_t odd_bytes(int id)
{
	size_t n = head(id, 1);

	memcpy(message + n, "\7a\0b.\n\x1e\xff\3com", 13);
	return kind_of_query(n + 13);
}

/* A label that reaches beyond the message. */
static size_t beyond(int id)
{
	size_t n = head(id, 1);

	message[n] = 63;
	message[n + 1] = 'x';
	return n + 2;
}

/* Label types that nobody has defined. */
static size_t reserved(int id)
{
	size_t n = head(id, 1);

	memcpy(message + n, "\x41yy\x82zz", 6);
	return kind_of_query(n + 7);
}

/* More questions and answers than there are bytes. */
static size_t counts(int id)
{
	size_t n = head(id, 0xffff);

	memset(message + 6, 0xff, 6);
	memcpy(message + n, "\3www\7example\3com", 17);
	return kind_of_query(n + 17);
}

static size_t only_head(int id)
{
	return head(id, 1);
}

int main(void)
{
	size_t (*const hostile[])(int) = { loop, label_loop, chain, long_name, odd_bytes, beyond, reserved, counts, only_head };
	unsigned char received[MESSAGE_MAX];
	struct exchange x;
	union address from;
	socklen_t size;
	int fd;

	start_resolver();
	fd = datagram(1);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		x = ask(fd, 900 + i);
		x.query_size = hostile[i](x.id);
		MUST(send(fd, message, x.query_size, 0));
		x.asked_after = boot_ns();
		size = sizeof(from);
		x.answer_size = MUST(recvfrom(udp_server, received, sizeof(received), 0, &from.any, &size));
		x.local = from;
		received[2] |= 0x80;
		x.answered_before = boot_ns();
		MUST(sendto(udp_server, received, x.answer_size, 0, &from.any, size));
		x.answered_after = boot_ns();
		MUST(recv(fd, received, sizeof(received), 0));
		say(&x);
	}
	x = ask(fd, 999);
	MUST(send(fd, message, build_query(message, 999, 0), 0));
	x.asked_after = boot_ns();
	answer_udp(&x, ADDRESSES);
	MUST(recv(fd, received, sizeof(received), 0));
	say(&x);
	return 0;
}
