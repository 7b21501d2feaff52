/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a module from memory once nobody is left that could be blamed for it: orphan-module FILE. */
#include "truth.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void load(const char *path)
{
	int fd = MUST(open(path, O_RDONLY)), result;
	struct stat s;
	struct line l;
	FILE *to;

	MUST(fstat(fd, &s));
	result = syscall(SYS_init_module, MUST(mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0)), s.st_size, "")
			 ? -errno : 0;
	to = line_begin(&l);
	fprintf(to, "\"result\":%d,", result);
	json_proc(to);
	line_end(&l);
}

int main(int argc, char **argv)
{
	pid_t middle;
	int over[2];
	char byte;

	if (argc < 2)
		return 64;
	MUST(pipe(over));
	middle = MUST(fork());
	if (!middle) {
		pid_t parent = getpid();

		MUST(setsid());
		if (MUST(fork()))
			_exit(0);
		while (getppid() == parent)
			sched_yield();
		load(argv[1]);
		_exit(0);
	}
	close(over[1]);
	MUST(waitpid(middle, NULL, 0));
	/* Ends with the orphan. */
	MUST(read(over[0], &byte, 1));
	return 0;
}
