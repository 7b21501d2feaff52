/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becomes another program without an exec: writes code over its own, which is mapped read-only, through /proc/self/mem.
 * One line, about the open.
 */
#include "truth.h"
#include <string.h>

#define LENGTH 32 /* more than either function has, less than lies between them */

__attribute__((noipa, aligned(64))) static int innocent(void)
{
	return 1;
}

__attribute__((noipa, aligned(64))) static int payload(void)
{
	return 2;
}

int main(void)
{
	unsigned long long before = boot_ns(), after;
	int fd = MUST(open("/proc/self/mem", O_RDWR));
	int proc = proc_root();
	struct line l;
	FILE *to = line_begin(&l);

	after = boot_ns();
	if (innocent() != 1)
		die("the code is not what it should be");
	if (pwrite(fd, (void *)payload, LENGTH, (unsigned long)innocent) != LENGTH)
		skip("this kernel lets nobody write to memory that is mapped read-only");
	__builtin___clear_cache((char *)innocent, (char *)innocent + LENGTH);
	fprintf(to, "\"runs\":%d,\"request\":\"proc_mem_write\",\"target\":%d,\"result\":0,", innocent(), getpid());
	json_link(to, proc, "exe", "self/exe");
	fprintf(to, "\"before\":\"%llu\",\"after\":\"%llu\",", before, after);
	close(proc);
	json_proc(to);
	line_end(&l);
	return 0;
}
