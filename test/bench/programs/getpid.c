/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds of one getpid(2), the cheapest system call there is: the best of many short runs. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS 20000

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 100;
	double best = 1e18;

	while (runs-- > 0) {
		double start = now();

		for (int i = 0; i < CALLS; i++)
			syscall(SYS_getpid);
		start = (now() - start) / CALLS;
		if (start < best)
			best = start;
	}
	printf("%.3f\n", best);
	return 0;
}
