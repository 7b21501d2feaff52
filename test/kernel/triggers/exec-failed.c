/* SPDX-License-Identifier: Apache-2.0 */
/* Tries to execute what cannot be: exec-failed WAY FOLDER PROGRAM ARG...; one line of `FailedExec` (test/support/exec.ts). */
#include "truth.h"
#include "int80.h"
#include <pthread.h>

extern char **environ;

static const char *program;
static char **args;
static int error;

static void *in_thread(void *done)
{
	prctl(PR_SET_NAME, "second thread");
	execv(program, args);
	error = errno;
	((void (*)(void))done)();
	return NULL;
}

static unsigned long long began;

static void say(void)
{
	unsigned long long ended = boot_ns();
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"result\":%d,\"began\":\"%llu\",\"ended\":\"%llu\",", -error, began, ended);
	json_proc(to);
	line_end(&l);
}

int main(int argc, char **argv)
{
	const char *way = argv[1], *folder = argv[2];
	pthread_t thread;
	int fd;

	if (argc < 4)
		return 64;
	program = argv[3];
	args = argv + 4;
	MUST(chdir(folder));
	fd = MUST(open("inside", O_PATH | O_DIRECTORY));
	began = boot_ns();
	if (!strcmp(way, "exec")) {
		execv(program, args);
	} else if (!strcmp(way, "at")) {
		syscall(SYS_execveat, fd, program, args, environ, 0);
	} else if (!strcmp(way, "empty")) {
		syscall(SYS_execveat, fd, "", args, environ, 0x1000 /* AT_EMPTY_PATH */);
	} else if (!strcmp(way, "int80")) {
		unsigned int *low = low_memory();
		char *text = (char *)low + 4096;
		int i;

		for (i = 0; args[i]; i++, text += strlen(text) + 1)
			low[i] = (unsigned int)(unsigned long)strcpy(text, args[i]);
		low[i] = low[i + 1] = 0;
		strcpy(text, program);
		began = boot_ns();
		errno = -int80(11, (long)text, (long)low, (long)(low + i + 1));
	} else if (!strcmp(way, "no-args")) {
		syscall(SYS_execve, program, NULL, NULL);
	} else if (!strcmp(way, "many")) {
		/* More than is looked at. */
		char **many = calloc(4000, sizeof(*many));

		for (int i = 0; i < 3999; i++)
			many[i] = args[0];
		execv(program, many);
	} else if (!strcmp(way, "fault")) {
		syscall(SYS_execve, program, (char **)8, NULL);
	} else if (!strcmp(way, "thread")) {
		pthread_create(&thread, NULL, in_thread, say);
		pthread_join(thread, NULL);
		return 0;
	} else {
		return 64;
	}
	error = errno;
	say();
	return 0;
}
