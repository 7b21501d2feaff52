/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes what it is, on command: one deed a line on stdin, one line of truth for each. `udp PORT` is the event: a UDP
 * socket is connected to that port of the loopback. After `fork` the child does the deeds; the parent keeps its place.
 */
#include "held.h"
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define AGAIN 200 /* a child that ends so is born again with the same pid */
static char word[256], operand[256];

static void deed_udp(int port)
{
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	struct attempt a = try_connect(fd, address_of("127.0.0.1", port));

	say_attempt(&a, NULL);
	close(fd);
}

static pid_t born_again(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (unsigned long)&pid, .set_tid_size = 1 };

	return syscall(SYS_clone3, &args, sizeof(args));
}

/* A child of our parent, copied from us; it does the deeds from here on. */
static void deed_sibling(void)
{
	struct clone_args args = { .flags = CLONE_PARENT };

	if (MUST(syscall(SYS_clone3, &args, sizeof(args))))
		_exit(0);
	done();
}

/* The child returns. The parent reaps whatever becomes its child until there is none. */
static void deed_fork(void)
{
	pid_t child = MUST(fork()), dead;
	int status, code = 0;

	while (child && (dead = waitpid(-1, &status, 0)) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == AGAIN) {
			child = born_again(dead);
			if (child < 0)
				skip("this kernel gives no pid a second time");
			/* The last reference is now the child's. */
			if (child)
				close(held);
		} else if (dead == child) {
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		}
	}
	if (child)
		exit(code);
	done();
}

/* Kills the parent and waits until the kernel has found another: the signal is sent behind that. */
static void deed_orphan(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	kill(getppid(), SIGKILL);
	sigwait(&set, &got);
	done();
}

static void *exec_in_thread(void *path)
{
	execl(path, path, NULL);
	die("execl");
	return NULL;
}

static void deed_thread_exec(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exec_in_thread, operand);
	pause();
}

/* Children that fill a ring which nobody reads. */
static void deed_storm(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = MUST(fork());

		if (!child)
			_exit(0);
		MUST(waitpid(child, NULL, 0));
	}
	done();
}

static void deed(void)
{
	int n = atoi(operand);

	if (!strcmp(word, "udp"))
		return deed_udp(n);
	if (!strcmp(word, "fork"))
		return deed_fork();
	if (!strcmp(word, "sibling"))
		return deed_sibling();
	if (!strcmp(word, "orphan"))
		return deed_orphan();
	if (!strcmp(word, "storm"))
		return deed_storm(n);
	if (!strcmp(word, "network"))
		return deed_network();
	if (!strcmp(word, "hold"))
		return deed_hold();
	if (!strcmp(word, "thread-exec"))
		return deed_thread_exec();
	if (!strcmp(word, "exec"))
		exit(execl(operand, operand, NULL));
	if (!strcmp(word, "exit"))
		exit(n);
	if (!strcmp(word, "close"))
		MUST(close(held));
	else if (!strcmp(word, "setuid"))
		MUST(setresuid(n, n, n));
	else if (!strcmp(word, "seteuid"))
		MUST(seteuid(n));
	else if (!strcmp(word, "setgid"))
		MUST(setresgid(n, n, n));
	else if (!strcmp(word, "setsid"))
		MUST(setsid());
	else if (!strcmp(word, "setpgid"))
		MUST(setpgid(0, 0));
	else if (!strcmp(word, "name"))
		MUST(prctl(PR_SET_NAME, operand));
	else if (!strcmp(word, "subreaper"))
		MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	else if (!strcmp(word, "hostname"))
		MUST(sethostname(operand, strlen(operand)));
	else if (!strcmp(word, "unshare-uts"))
		MUST(unshare(CLONE_NEWUTS));
	else
		exit(64);
	/* After a change of ids /proc/self would belong to root and hide itself. */
	prctl(PR_SET_DUMPABLE, 1);
	done();
}

/* Byte by byte, because a program that is executed goes on with the next line. */
static int next_line(void)
{
	char line[512];
	size_t length = 0;

	while (length < sizeof(line) - 1 && read(0, line + length, 1) == 1) {
		if (line[length] == '\n') {
			line[length] = operand[0] = 0;
			return sscanf(line, "%255s %255s", word, operand) >= 1;
		}
		length++;
	}
	return 0;
}

int main(void)
{
	done();
	while (next_line())
		deed();
	return 0;
}
