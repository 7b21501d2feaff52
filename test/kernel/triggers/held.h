/* SPDX-License-Identifier: Apache-2.0 */
/* A socket whose connection never comes about: its result can be let go at any time, by anyone who holds it. */
#ifndef HELD_H
#define HELD_H

#include "net.h"

static int held = -1;
static union address nowhere;

/* A deed without a truth of its own: who did it. */
static void done(void)
{
	struct line l;

	json_proc(line_begin(&l));
	line_end(&l);
}

/* A server that answers no more, in a network of its own, and a socket for it. */
static void deed_network(void)
{
	int listener;

	private_network(1);
	listener = bound("127.0.0.1", SOCK_STREAM, 0, 0);
	nowhere = address_of("127.0.0.1", port_of(listener));
	try_connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), nowhere);
	held = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	done();
}

static void deed_hold(void)
{
	struct attempt a = { .fd = held, .to = nowhere, .before = boot_ns() };

	a.result = connect(held, &nowhere.any, sizeof(nowhere.v4)) ? -errno : 0;
	a.after = boot_ns();
	say_attempt(&a, NULL);
}

#endif
