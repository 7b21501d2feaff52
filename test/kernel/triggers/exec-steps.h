/* SPDX-License-Identifier: Apache-2.0 */
/* What exec-ways.c can do to its process before it executes: one word a step, operands behind it. */
#ifndef EXEC_STEPS_H
#define EXEC_STEPS_H

#include "exec-stdio.h"
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

extern char **environ;

/* %XX is a byte. */
static char *decode(char *text)
{
	char *to = text, *from = text, hex[3] = "";

	for (; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		memcpy(hex, from + 1, 2);
		*to++ = strtol(hex, NULL, 16);
		from += 2;
	}
	*to = 0;
	return text;
}

/* The parent stays only to hand on the exit code. */
static void in_child(void)
{
	int status;
	pid_t child = MUST(fork());

	if (!child)
		return;
	MUST(waitpid(child, &status, 0));
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void write_file(const char *path, const char *text)
{
	int fd = MUST(open(path, O_WRONLY));

	MUST(write(fd, text, strlen(text)));
	close(fd);
}

static void step_unshare(const char *what)
{
	static const struct { const char *name; int flag; } all[] = {
		{ "pid", CLONE_NEWPID }, { "mnt", CLONE_NEWNS }, { "net", CLONE_NEWNET },
		{ "uts", CLONE_NEWUTS }, { "user", CLONE_NEWUSER },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(all[i].name, what))
			continue;
		if (unshare(all[i].flag))
			skip(errno == ENOSPC || errno == EPERM ? "this kernel allows no such namespace" : strerror(errno));
		if (all[i].flag == CLONE_NEWUSER)
			write_file("/proc/self/uid_map", "1234 0 1");
		if (all[i].flag == CLONE_NEWPID)
			in_child();
	}
}

/* A new session on a new terminal, which the parent keeps open. */
static void step_tty(void)
{
	int master = MUST(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)), slave;

	MUST(grantpt(master));
	MUST(unlockpt(master));
	in_child();
	MUST(setsid());
	slave = MUST(open(ptsname(master), O_RDWR));
	MUST(ioctl(slave, TIOCSCTTY, 0));
	MUST(dup2(slave, 0));
	close(slave);
}

static void step_deep(int depth, int length)
{
	char *name = calloc(length + 1, 1);

	memset(name, 'd', length);
	for (int i = 0; i < depth; i++) {
		/* Components that differ, so that none can be taken for another. */
		for (int j = length - 1, n = i; j >= 0 && n; j--, n /= 26)
			name[j] = 'a' + n % 26;
		MUST(mkdir(name, 0700));
		MUST(chdir(name));
	}
}

/* Behind what is there already, even under the same name. */
static void step_env(char *variable)
{
	size_t count = 0;
	char **list;

	while (environ[count])
		count++;
	list = calloc(count + 2, sizeof(*list));
	memcpy(list, environ, count * sizeof(*list));
	list[count] = variable;
	environ = list;
}

static void copy_to(const char *from, int to)
{
	struct stat s;
	int fd = MUST(open(from, O_RDONLY | O_CLOEXEC));

	MUST(fstat(fd, &s));
	for (off_t left = s.st_size; left > 0;)
		left -= MUST(sendfile(to, fd, NULL, left));
	MUST(fchmod(to, 0700));
	close(fd);
}

static void step_copy(const char *from, const char *path)
{
	int fd = MUST(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700));

	copy_to(from, fd);
	close(fd);
}

static void step_chroot(const char *path)
{
	MUST(dup2(MUST(open("/proc", O_PATH | O_DIRECTORY)), PROC_FD));
	MUST(chroot(path));
	MUST(chdir("/"));
}

/* Returns how many words the step took. */
static int run_step(char **step)
{
	const char *name = step[0];

	if (!strcmp(name, "setsid"))
		return setpgid(0, 0), in_child(), MUST(setsid()), 1;
	if (!strcmp(name, "tty"))
		return step_tty(), 1;
	if (!strcmp(name, "cwd"))
		return MUST(chdir(decode(step[1]))), 2;
	if (!strcmp(name, "mkdir"))
		return MUST(mkdir(decode(step[1]), 0700)), 2;
	if (!strcmp(name, "chroot"))
		return step_chroot(step[1]), 2;
	if (!strcmp(name, "hostname"))
		return MUST(sethostname(decode(step[1]), strlen(step[1]))), 2;
	if (!strcmp(name, "unshare"))
		return step_unshare(step[1]), 2;
	if (!strcmp(name, "fd"))
		return step_fd(atoi(step[1]), decode(step[2])), 3;
	if (!strcmp(name, "deep"))
		return step_deep(atoi(step[1]), atoi(step[2])), 3;
	if (!strcmp(name, "env"))
		return step_env(decode(step[1])), 2;
	if (!strcmp(name, "copy"))
		return step_copy(decode(step[1]), decode(step[2])), 3;
	errno = EINVAL;
	die(name);
	return 0;
}

#endif
