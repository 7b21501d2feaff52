/* SPDX-License-Identifier: Apache-2.0 */
/* System calls by their x32 numbers, the third set of x86-64: x32 connect | x32 exec PROGRAM. */
#include "net.h"

#ifdef __x86_64__
#define X32 0x40000000

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned *pointers = calloc(4, sizeof(*pointers));
	union address local;
	struct attempt a;

	if (syscall(X32 | SYS_getpid) < 0)
		skip("this kernel has no x32 system calls");
	if (!strcmp(what, "exec") && argc > 2) {
		/* Pointers of 32 bits; an empty list says the same and needs no low memory. */
		syscall(X32 | 520, argv[2], pointers, pointers);
		die("execve");
	}
	a = (struct attempt){ .fd = MUST(socket(AF_INET, SOCK_STREAM, 0)), .before = boot_ns() };
	a.to = address_of("127.0.0.1", port_of(bound("127.0.0.1", SOCK_STREAM, 0, 4)));
	a.result = syscall(X32 | SYS_connect, a.fd, &a.to, sizeof(a.to.v4)) ? -errno : 0;
	local = local_of(a.fd);
	a.after = boot_ns();
	say_attempt(&a, &local);
	return 0;
}
#else
int main(void)
{
	skip("x32 is of x86-64");
}
#endif
