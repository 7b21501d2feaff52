/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends processes in every way: process-exit WAY [N [M]]. Children that never execute anything say who they are, and
 * the last line says what wait(2) told of each.
 */
#include "truth.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define THREADS 8

static struct line summary;
static FILE *children;
static pthread_barrier_t barrier;

static void say_who(void)
{
	struct line l;

	json_proc(line_begin(&l));
	line_end(&l);
}

/* Runs `deed` in a child; the summary tells how that ended and between which times. */
static int in_child(void (*deed)(int), int n, int speaks)
{
	unsigned long long born = boot_ns(), began;
	int status, ready[2];
	pid_t child;

	MUST(pipe(ready));
	child = MUST(fork());
	if (!child) {
		close(ready[0]);
		if (speaks)
			say_who();
		began = boot_ns();
		MUST(write(ready[1], &began, sizeof(began)));
		deed(n);
		_exit(72);
	}
	close(ready[1]);
	MUST(read(ready[0], &began, sizeof(began)));
	close(ready[0]);
	MUST(waitpid(child, &status, 0));
	fprintf(children, "{\"pid\":%d,\"status\":%d,\"born\":\"%llu\",\"began\":\"%llu\",\"reaped\":\"%llu\"},", child,
		status, born, began, boot_ns());
	return status;
}

static void deed_exit(int code)
{
	_exit(code);
}

static void deed_signal(int signal)
{
	struct rlimit none = { 0, 0 };

	/* Signals that dump core leave none here. */
	setrlimit(RLIMIT_CORE, &none);
	raise(signal);
}

static void deed_core(int unused)
{
	struct rlimit limit;

	(void)unused;
	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_CORE, &limit);
	prctl(PR_SET_DUMPABLE, 1);
	abort();
}

static void *last_thread(void *code)
{
	prctl(PR_SET_NAME, "last thread");
	/* The leader is a zombie from here on: /proc says so. */
	for (char state = 0; state != 'Z';) {
		char stat[512] = "";
		int fd = open("/proc/self/stat", O_RDONLY);

		if (read(fd, stat, sizeof(stat) - 1) > 0)
			state = strrchr(stat, ')')[2];
		close(fd);
		sched_yield();
	}
	say_who();
	exit((int)(long)code);
}

static void deed_leader(int code)
{
	pthread_t thread;

	pthread_create(&thread, NULL, last_thread, (void *)(long)code);
	pthread_exit(NULL);
}

static void *race(void *code)
{
	pthread_barrier_wait(&barrier);
	syscall(SYS_exit_group, (int)(long)code);
	return NULL;
}

/* All threads call exit_group at once; the kernel takes the code of one. */
static void deed_race(int unused)
{
	pthread_t thread;

	(void)unused;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, race, (void *)i);
	race((void *)0);
}

/* All threads leave one by one, at the same time: nobody calls exit_group. */
static void *leave(void *unused)
{
	pthread_barrier_wait(&barrier);
	syscall(SYS_exit, 5);
	return unused;
}

static void deed_leave(int unused)
{
	pthread_t thread;

	(void)unused;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, leave, NULL);
	leave(NULL);
}

static void deed_thread_killed(int signal)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, leave, NULL);
	raise(signal);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0, m = argc > 3 ? atoi(argv[3]) : n, status;

	children = line_begin(&summary);
	fputs("\"children\":[", children);
	if (!strcmp(way, "codes")) {
		for (int code = n; code <= m; code++)
			in_child(deed_exit, code, 0);
	} else if (!strcmp(way, "exit")) {
		in_child(deed_exit, n, 1);
	} else if (!strcmp(way, "signal")) {
		in_child(deed_signal, n, 1);
	} else if (!strcmp(way, "core")) {
		status = in_child(deed_core, 0, 1);
		if (!WCOREDUMP(status))
			skip("no core could be dumped here");
	} else if (!strcmp(way, "leader")) {
		in_child(deed_leader, n, 0);
	} else if (!strcmp(way, "thread-killed")) {
		in_child(deed_thread_killed, n, 1);
	} else if (!strcmp(way, "race")) {
		for (int i = 0; i < n; i++)
			in_child(deed_race, 0, 0);
	} else if (!strcmp(way, "leave")) {
		for (int i = 0; i < n; i++)
			in_child(deed_leave, 0, 0);
	} else {
		return 64;
	}
	fputs("{}]", children);
	line_end(&summary);
	return 0;
}
