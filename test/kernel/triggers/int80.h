/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit system calls from a 64-bit program: what they point to must lie below 4 GiB. */
#ifndef INT80_H
#define INT80_H

#include "truth.h"
#include <signal.h>
#include <sys/mman.h>

#ifdef __x86_64__
static inline void no_int80(int signal)
{
	(void)signal;
	skip("this kernel has no 32-bit system calls");
}

static inline long int80(long nr, long a, long b, long c)
{
	long result;

	signal(SIGSEGV, no_int80);
	asm volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static inline void *low_memory(void)
{
	return mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}
#else
static inline long int80(long nr, long a, long b, long c)
{
	(void)nr, (void)a, (void)b, (void)c;
	skip("int 0x80 is of x86");
	return -1;
}

static inline void *low_memory(void)
{
	skip("int 0x80 is of x86");
	return NULL;
}
#endif

#endif
