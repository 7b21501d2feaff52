/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a program in an unusual way: exec-ways STEP... -- WAY PROGRAM ARG...
 *
 * Steps change the process first, from left to right; the way is how it then executes. PROGRAM, ARGs and the
 * operands of steps may hold any byte as %XX. The first ARG is argv[0].
 */
#include "exec-steps.h"
#include <pthread.h>
#include <signal.h>

static const char *program;
static char **args;

static int exec_fd(int fd)
{
	return syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH);
}

static int way_memfd(int by_path)
{
	int fd = MUST(memfd_create("hidden program", 0));
	char path[64];

	/* Open for writing it could not be executed: a second, read-only description is. */
	copy_to(program, fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = MUST(open(path, O_RDONLY));
	close(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", again);
	return by_path ? execv(path, args) : exec_fd(again);
}

static int way_deleted(void)
{
	int fd = MUST(open(program, O_RDONLY));

	MUST(unlink(program));
	return exec_fd(fd);
}

static int way_at(void)
{
	char *copy = strdup(program), *slash = strrchr(copy, '/');
	int dir;

	*slash = 0;
	dir = MUST(open(copy, O_PATH | O_DIRECTORY));
	return syscall(SYS_execveat, dir, slash + 1, args, environ, 0);
}

static int way_descriptor(void)
{
	return exec_fd(MUST(open(program, O_PATH)));
}

static int way_vfork(void)
{
	int status;
	pid_t child = vfork();

	if (!child) {
		execv(program, args);
		_exit(71);
	}
	MUST(waitpid(child, &status, 0));
	exit(WEXITSTATUS(status));
}

static void *in_thread(void *unused)
{
	prctl(PR_SET_NAME, "second thread");
	execv(program, args);
	die("execv");
	return unused;
}

static int way_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, in_thread, NULL);
	pause();
	return -1;
}

static void no_int80(int signal)
{
	(void)signal;
	skip("this kernel has no 32-bit system calls");
}

/* The 32-bit system call from a 64-bit program: everything it points to must lie below 4 GiB. */
static int way_int80(void)
{
#ifdef __x86_64__
	char *low = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0), *text;
	unsigned int *pointers = (unsigned int *)low;
	long result;
	int i;

	text = low + 4096;
	for (i = 0; args[i]; i++, text += strlen(text) + 1)
		pointers[i] = (unsigned int)(unsigned long)strcpy(text, args[i]);
	pointers[i] = pointers[i + 1] = 0;
	strcpy(text, program);
	signal(SIGSEGV, no_int80);
	asm volatile("int $0x80" : "=a"(result)
		     : "a"(11), "b"(text), "c"(pointers), "d"(&pointers[i + 1])
		     : "memory", "r8", "r9", "r10", "r11");
	errno = -result;
	return -1;
#else
	skip("int 0x80 is of x86");
	return -1;
#endif
}

static int run_way(const char *way)
{
	static char *none[] = { NULL };

	if (!strcmp(way, "exec"))
		return execv(program, args);
	if (!strcmp(way, "no-args"))
		return execv(program, none);
	if (!strcmp(way, "at"))
		return way_at();
	if (!strcmp(way, "memfd"))
		return way_memfd(0);
	if (!strcmp(way, "memfd-path"))
		return way_memfd(1);
	if (!strcmp(way, "deleted"))
		return way_deleted();
	if (!strcmp(way, "descriptor"))
		return way_descriptor();
	if (!strcmp(way, "vfork"))
		return way_vfork();
	if (!strcmp(way, "thread"))
		return way_thread();
	if (!strcmp(way, "int80"))
		return way_int80();
	errno = EINVAL;
	return -1;
}

int main(int argc, char **argv)
{
	int i = 1;

	while (i < argc && strcmp(argv[i], "--"))
		i += run_step(argv + i);
	if (i + 3 > argc)
		return 64;
	for (int j = i + 2; j < argc; j++)
		decode(argv[j]);
	program = argv[i + 2];
	args = argv + i + 3;
	run_way(argv[i + 1]);
	die("exec");
}
