/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of the kernel's connects for us: it finds the request by itself (SQPOLL), we make no system call for it. */
#include "net.h"
#include "uring.h"

int main(void)
{
	struct ring r = ring_of(IORING_SETUP_SQPOLL);
	struct attempt a = { .fd = MUST(socket(AF_INET, SOCK_STREAM, 0)) };
	union address local;

	a.to = address_of("127.0.0.1", port_of(bound("127.0.0.1", SOCK_STREAM, 0, 4)));
	a.before = boot_ns();
	a.result = ring_do(&r, (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = a.fd, .addr = (unsigned long)&a.to,
						      .off = sizeof(a.to.v4) });
	a.after = boot_ns();
	local = local_of(a.fd);
	say_attempt(&a, &local);
	return 0;
}
