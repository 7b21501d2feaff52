/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens while another thread closes every descriptor that it can: file-races WAY COUNT. The last line says how many files
 * there were made; each has a name of its own.
 */
#include "files.h"
#include "uring.h"
#include <linux/openat2.h>
#include <pthread.h>

#define FIRST 8                 /* below lie our own */
#define LAST 16

static volatile int is_over;

static void *close_all(void *nothing)
{
	while (!is_over)
		for (int fd = FIRST; fd < LAST; fd++)
			close(fd);
	return nothing;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	int count = argc > 2 ? atoi(argv[2]) : 0, made = 0;
	struct open_how how = { .flags = O_CREAT | O_EXCL | O_WRONLY, .mode = 0600 };
	struct ring r = {};
	pthread_t thread;
	struct line l;
	FILE *to;

	if (!strcmp(way, "uring"))
		r = ring_of(0);
	/* So that all that is opened lies where it is closed. */
	for (int fd = 4; fd < FIRST; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			MUST(dup2(0, fd));
	pthread_create(&thread, NULL, close_all, NULL);
	for (int i = 0; i < count; i++) {
		char name[16];
		int fd;

		snprintf(name, sizeof(name), "f%d", i);
		if (!strcmp(way, "uring"))
			fd = ring_do(&r, (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
								.addr = (unsigned long)name, .len = 0600,
								.open_flags = O_CREAT | O_EXCL | O_WRONLY });
		else if (!strcmp(way, "openat2"))
			fd = syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof(how));
		else
			fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd >= 0)
			made++;
		close(fd);
	}
	is_over = 1;
	pthread_join(thread, NULL);
	to = line_begin(&l);
	fprintf(to, "\"made\":%d,", made);
	json_link(to, proc_root(), "directory", "self/cwd");
	json_proc(to);
	line_end(&l);
	return 0;
}
