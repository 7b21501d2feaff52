/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer exchanges what a system call of its child points to, and puts it back before the child goes on:
 * rewrite-call connect | open SHOWN REAL | exec SHOWN REAL. The child tells what came of it.
 */
#include "net.h"
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* At the same place in parent and child. */
static struct { union address address; char path[512]; } shown, real;

static void child_connect(void)
{
	struct attempt a = { .fd = MUST(socket(AF_INET, SOCK_STREAM, 0)) };
	socklen_t size = sizeof(a.to);
	union address local;

	a.before = boot_ns();
	raise(SIGSTOP);
	a.result = connect(a.fd, &shown.address.any, sizeof(shown.address.v4)) ? -errno : 0;
	a.after = boot_ns();
	if (shown.address.v4.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
		die("it was not put back");
	MUST(getpeername(a.fd, &a.to.any, &size));
	local = local_of(a.fd);
	say_attempt(&a, &local);
}

static void child_open(void)
{
	char link[64];
	struct line l;
	FILE *to;
	int fd;

	raise(SIGSTOP);
	fd = MUST(open(shown.path, O_CREAT | O_EXCL | O_WRONLY, 0600));
	to = line_begin(&l);
	snprintf(link, sizeof(link), "self/fd/%d", fd);
	json_text(to, "shown", shown.path);
	int proc = proc_root();
	json_link(to, proc, "path", link);
	close(proc);
	json_proc(to);
	line_end(&l);
}

static void child_exec(void)
{
	char *args[] = { "shown", NULL };

	raise(SIGSTOP);
	execv(shown.path, args);
	die(shown.path);
}

static void poke(pid_t child, const void *with)
{
	const long *words = with;

	for (size_t i = 0; i < sizeof(shown) / sizeof(long); i++)
		MUST(ptrace(PTRACE_POKEDATA, child, (long *)&shown + i, words[i]));
}

/* Until the child ends, or runs another program. */
static void trace(pid_t child, long nr)
{
	struct __ptrace_syscall_info info;
	int status, is_changed = 0;

	MUST(waitpid(child, &status, 0));
	MUST(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
	for (;;) {
		MUST(ptrace(PTRACE_SYSCALL, child, NULL, NULL));
		MUST(waitpid(child, &status, 0));
		if (WIFEXITED(status))
			exit(WEXITSTATUS(status));
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			break;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		MUST(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info));
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && (long)info.entry.nr == nr) {
			poke(child, &real);
			is_changed = 1;
		} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && is_changed) {
			poke(child, &shown);
			break;
		}
	}
	MUST(ptrace(PTRACE_DETACH, child, NULL, NULL));
	MUST(waitpid(child, &status, 0));
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 70);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int is_connect = !strcmp(what, "connect"), is_open = !strcmp(what, "open"), listener;
	pid_t child;

	if (!is_connect && argc < 4)
		return 64;
	if (is_connect) {
		/* Nobody listens where the child wants to go. */
		listener = bound("127.0.0.2", SOCK_STREAM, 0, 4);
		real.address = address_of("127.0.0.2", port_of(listener));
		shown.address = address_of("127.0.0.1", port_of(listener));
	} else {
		snprintf(shown.path, sizeof(shown.path), "%s", argv[2]);
		snprintf(real.path, sizeof(real.path), "%s", argv[3]);
	}
	child = MUST(fork());
	if (child)
		trace(child, is_connect ? SYS_connect : is_open ? SYS_openat : SYS_execve);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		skip("this kernel refuses ptrace");
	if (is_connect)
		child_connect();
	else if (is_open)
		child_open();
	else
		child_exec();
	return 0;
}
