/* SPDX-License-Identifier: Apache-2.0 */
/* All that a standard descriptor can be: KIND or KIND=NAME. */
#ifndef EXEC_STDIO_H
#define EXEC_STDIO_H

#include "truth.h"
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int open_kind(const char *kind)
{
	const char *operand = strchr(kind, '=');
	int pair[2];

	if (!strncmp(kind, "file=", 5))
		return MUST(open(operand + 1, O_RDWR | O_CREAT, 0600));
	if (!strncmp(kind, "fifo=", 5)) {
		MUST(mkfifo(operand + 1, 0600));
		return MUST(open(operand + 1, O_RDWR));
	}
	if (!strncmp(kind, "memfd=", 6))
		return MUST(memfd_create(operand + 1, 0));
	if (!strcmp(kind, "eventfd"))
		return MUST(eventfd(0, 0));
	if (!strcmp(kind, "null"))
		return MUST(open("/dev/null", O_RDWR));
	if (!strcmp(kind, "pipe")) {
		MUST(pipe(pair));
		return pair[0];
	}
	if (!strcmp(kind, "inet"))
		return MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	return pair[0];
}

static void step_fd(int fd, const char *kind)
{
	int from;

	if (!strcmp(kind, "closed")) {
		close(fd);
		return;
	}
	from = open_kind(kind);
	if (from != fd)
		MUST(dup2(from, fd));
}

#endif
