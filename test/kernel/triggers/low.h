/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit system calls from a 64-bit program: what they point to must lie below 4 GiB. */
#ifndef LOW_H
#define LOW_H

#include "truth.h"
#include <signal.h>
#include <sys/mman.h>

#ifdef __x86_64__
static inline void no_int80(int signal)
{
	(void)signal;
	skip("this kernel has no 32-bit system calls");
}

static inline long int80(long nr, long a, long b, long c, long d, long e)
{
	long result;

	signal(SIGSEGV, no_int80);
	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}
#else
static inline long int80(long nr, long a, long b, long c, long d, long e)
{
	(void)nr, (void)a, (void)b, (void)c, (void)d, (void)e;
	skip("int 0x80 is of x86");
	return 0;
}
#endif

#ifndef MAP_32BIT /* of x86 */
#define MAP_32BIT 0
#endif

static inline char *low_page(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

#endif
