/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches into a process of its own: process-ptrace WAY. One line for each deed that is an event, and for no other. */
#include "low.h"
#include <elf.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifndef __NR_pidfd_open
#define __NR_pidfd_open 434
#endif
#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif
#define NOBODY 65534
#define NO_PID 4194303          /* PID_MAX_LIMIT - 1: counting begins anew long before */
#define X32 0x40000000

struct deed {
	const char *request;
	long code;                  /* -1: not of ptrace(2) */
	unsigned long address, data;
	int target;                 /* as the host numbers it; 0 = not to be known */
	unsigned long long before;
	int has;                    /* 1 = address, 2 = data */
};

/* The target runs another program, so that its executable cannot be mistaken for ours. */
static pid_t target, host_target;
static char target_exe[256]; /* read while it may be */

static void done(struct deed *d, long result)
{
	unsigned long long after = boot_ns();
	int proc = proc_root();
	struct line l;
	FILE *to = line_begin(&l);

	json_text(to, "request", d->request);
	if (d->code >= 0)
		fprintf(to, "\"code\":%ld,", d->code);
	if (d->has & 1)
		fprintf(to, "\"address\":\"0x%lx\",", d->address);
	if (d->has & 2)
		fprintf(to, "\"data\":\"0x%lx\",", d->data);
	if (d->target) {
		fprintf(to, "\"target\":%d,", d->target);
		if (*target_exe && d->target == host_target)
			json_text(to, "exe", target_exe);
		else
			json_link(to, proc, "exe", "%d/exe", d->target);
	}
	fprintf(to, "\"result\":%ld,\"before\":\"%llu\",\"after\":\"%llu\",", result < 0 ? result : 0, d->before, after);
	close(proc);
	json_proc(to);
	line_end(&l);
}

#define DEED(name, ...) ((struct deed){ .request = name, .code = -1, .target = host_target, .before = boot_ns(), __VA_ARGS__ })
#define TELL(call, name, ...)                                                     \
	do {                                                                      \
		struct deed _d = DEED(name, __VA_ARGS__);                         \
		long _r = (call);                                                 \
		done(&_d, _r < 0 && _r == -1 ? -errno : _r);                      \
	} while (0)

static long trace(long request, pid_t pid, unsigned long address, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}

static const char *exe_of(pid_t pid)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return path;
}

static void start_target(void)
{
	char number[16] = "";
	int ready[2], begun[2];

	MUST(pipe2(ready, O_CLOEXEC));
	MUST(pipe(begun));
	target = MUST(fork());
	if (!target) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		readlink("/proc/self", number, sizeof(number) - 1);
		MUST(write(begun[1], number, sizeof(number)));
		close(TRUTH_FD);
		execl("/bin/sleep", "sleep", "600", NULL);
		_exit(71);
	}
	close(ready[1]);
	MUST(read(begun[0], number, sizeof(number)));
	MUST(read(ready[0], number + 15, 1)); /* ends with the exec */
	host_target = atoi(number);
	MUST(readlink(exe_of(host_target), target_exe, sizeof(target_exe) - 1));
}

static void end_target(void)
{
	kill(target, SIGKILL);
	waitpid(target, NULL, __WALL);
}

static void attached(void)
{
	MUST(waitpid(target, NULL, __WALL));
}

#ifdef __x86_64__
static void way_requests(void)
{
	struct user_regs_struct regs, set;
	struct user_fpregs_struct floats;
	struct iovec io = { &set, sizeof(set) };
	unsigned long word, place;

	start_target();
	TELL(trace(PTRACE_POKEDATA, target, 0x1000, 1), "PTRACE_POKEDATA", .code = 5, .has = 3, .address = 0x1000, .data = 1);
	TELL(trace(PTRACE_ATTACH, target, 0, 0), "PTRACE_ATTACH", .code = 16);
	attached();
	MUST(ptrace(PTRACE_GETREGS, target, 0, &regs));
	place = regs.rsp & ~7ul;
	word = ptrace(PTRACE_PEEKTEXT, target, place, 0);
	TELL(trace(PTRACE_POKETEXT, target, place, word), "PTRACE_POKETEXT", .code = 4, .has = 3, .address = place, .data = word);
	TELL(trace(PTRACE_POKEDATA, target, place, word), "PTRACE_POKEDATA", .code = 5, .has = 3, .address = place, .data = word);
	TELL(trace(PTRACE_POKEDATA, target, ~7ul, word), "PTRACE_POKEDATA", .code = 5, .has = 3, .address = ~7ul, .data = word);
	place = offsetof(struct user, regs.r15);
	word = ptrace(PTRACE_PEEKUSER, target, place, 0);
	TELL(trace(PTRACE_POKEUSER, target, place, word), "PTRACE_POKEUSER", .code = 6, .has = 3, .address = place, .data = word);
	TELL(trace(PTRACE_SETREGS, target, 0, (unsigned long)&regs), "PTRACE_SETREGS", .code = 13);
	MUST(ptrace(PTRACE_GETFPREGS, target, 0, &floats));
	TELL(trace(PTRACE_SETFPREGS, target, 0, (unsigned long)&floats), "PTRACE_SETFPREGS", .code = 15);
	MUST(ptrace(PTRACE_GETREGSET, target, NT_PRSTATUS, &io));
	TELL(trace(PTRACE_SETREGSET, target, NT_PRSTATUS, (unsigned long)&io), "PTRACE_SETREGSET", .code = 0x4205, .has = 1,
	     .address = NT_PRSTATUS);
	MUST(ptrace(PTRACE_DETACH, target, 0, 0));
	TELL(trace(PTRACE_SEIZE, target, 0, 0x1), "PTRACE_SEIZE", .code = 0x4206, .has = 2, .data = 0x1);
	MUST(ptrace(PTRACE_INTERRUPT, target, 0, 0));
	attached();
	MUST(ptrace(PTRACE_CONT, target, 0, 0));
	end_target();
}

/* Only steps, looks and lets run: what debuggers do. */
static void way_stepping(int count)
{
	struct user_regs_struct regs;
	pid_t loop = MUST(fork());

	if (!loop) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			asm volatile("nop");
	}
	target = host_target = loop;
	TELL(trace(PTRACE_ATTACH, target, 0, 0), "PTRACE_ATTACH", .code = 16);
	attached();
	for (int i = 0; i < count; i++) {
		MUST(ptrace(PTRACE_SINGLESTEP, target, 0, 0));
		attached();
		MUST(ptrace(PTRACE_GETREGS, target, 0, &regs));
		errno = 0;
		ptrace(PTRACE_PEEKTEXT, target, regs.rip, 0);
	}
	end_target();
}
#else
static void way_requests(void)
{
	skip("written for the registers of x86");
}

static void way_stepping(int count)
{
	(void)count;
	skip("written for the registers of x86");
}
#endif

static void way_refused(void)
{
	pid_t child;

	start_target();
	TELL(trace(PTRACE_ATTACH, NO_PID, 0, 0), "PTRACE_ATTACH", .code = 16, .target = NO_PID);
	TELL(trace(PTRACE_ATTACH, -1, 0, 0), "PTRACE_ATTACH", .code = 16, .target = 0);
	TELL(trace(PTRACE_ATTACH, getpid(), 0, 0), "PTRACE_ATTACH", .code = 16, .target = getpid());
	TELL(trace(PTRACE_SEIZE, target, 1, 0), "PTRACE_SEIZE", .code = 0x4206, .has = 2);
	child = MUST(fork());
	if (!child) {
		MUST(setresuid(NOBODY, NOBODY, NOBODY));
		prctl(PR_SET_DUMPABLE, 1);
		TELL(trace(PTRACE_ATTACH, target, 0, 0), "PTRACE_ATTACH", .code = 16);
		TELL(syscall(SYS_process_vm_writev, target, NULL, 0, NULL, 0, 1), "process_vm_writev");
		_exit(0);
	}
	MUST(waitpid(child, NULL, 0));
	end_target();
}

static void way_traceme(void)
{
	TELL(trace(PTRACE_TRACEME, 0, 0, 0), "PTRACE_TRACEME", .code = 0, .target = getpid());
	TELL(trace(PTRACE_TRACEME, 0, 0, 0), "PTRACE_TRACEME", .code = 0, .target = getpid());
}

static int pause_thread(void *number)
{
	*(volatile pid_t *)number = syscall(SYS_gettid);
	for (;;)
		pause();
	return 0;
}

/* The thread of another process: the process is the target. */
static void way_thread(void)
{
	volatile pid_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = MUST(fork());

	if (!child) {
		static char stack[65536];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		clone(pause_thread, stack + sizeof(stack) - 64,
		      CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD, (void *)shared);
		for (;;)
			pause();
	}
	while (!*shared)
		sched_yield();
	target = *shared;
	host_target = child;
	TELL(trace(PTRACE_ATTACH, target, 0, 0), "PTRACE_ATTACH", .code = 16);
	attached();
	kill(child, SIGKILL);
	/* The thread that is traced is waited for first. */
	waitpid(target, NULL, __WALL);
	waitpid(child, NULL, __WALL);
}

static void way_memory(void)
{
	static char here[64], word[8];
	struct iovec local = { word, sizeof(word) }, remote = { here, sizeof(word) };
	pid_t child = MUST(fork());

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	target = host_target = child;
	TELL(process_vm_readv(child, &local, 1, &remote, 1, 0), "process_vm_readv");
	TELL(process_vm_writev(child, &local, 1, &remote, 1, 0), "process_vm_writev");
	remote.iov_base = NULL;
	TELL(process_vm_writev(child, &local, 1, &remote, 1, 0), "process_vm_writev");
	TELL(process_vm_writev(NO_PID, &local, 1, &remote, 1, 0), "process_vm_writev", .target = NO_PID);
	remote.iov_base = here;
	TELL(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), "process_vm_readv", .target = getpid());
	end_target();
}

static void way_getfd(void)
{
	int pidfd;

	start_target();
	pidfd = MUST(syscall(__NR_pidfd_open, target, 0));
	TELL(syscall(__NR_pidfd_getfd, pidfd, 0, 0), "pidfd_getfd");
	TELL(syscall(__NR_pidfd_getfd, pidfd, 999, 0), "pidfd_getfd");
	TELL(syscall(__NR_pidfd_getfd, pidfd, 0, 1), "pidfd_getfd");
	TELL(syscall(__NR_pidfd_getfd, 999, 0, 0), "pidfd_getfd", .target = 0);
	TELL(syscall(__NR_pidfd_getfd, 0, 0, 0), "pidfd_getfd", .target = 0);
	end_target();
}

static void way_mem_file(void)
{
	struct open_how how = { .flags = O_WRONLY };
	char path[64], thread[64];

	start_target();
	snprintf(path, sizeof(path), "/proc/%d/mem", target);
	snprintf(thread, sizeof(thread), "/proc/%d/task/%d/mem", target, target);
	MUST(open(path, O_RDONLY));
	TELL(syscall(SYS_openat, AT_FDCWD, path, O_RDWR), "proc_mem_write");
	TELL(syscall(SYS_openat, AT_FDCWD, thread, O_WRONLY), "proc_mem_write");
	if (syscall(__NR_openat2, -1, "", NULL, 0) && errno != ENOSYS)
		TELL(syscall(__NR_openat2, AT_FDCWD, path, &how, sizeof(how)), "proc_mem_write");
#ifdef SYS_open
	TELL(syscall(SYS_open, path, O_WRONLY), "proc_mem_write");
	TELL(syscall(SYS_creat, path, 0), "proc_mem_write");
#endif
	TELL(open("/proc/self/mem", O_RDWR), "proc_mem_write", .target = getpid());
	end_target();
}

/* The owner may open the file, but the kernel does not let him into a process that has become another's. */
static void way_mem_refused(void)
{
	pid_t child;
	char path[64];
	int ready[2];

	MUST(pipe(ready));
	MUST(setresgid(NOBODY, NOBODY, NOBODY));
	child = MUST(fork());
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		MUST(setresuid(NOBODY, NOBODY, 0));
		prctl(PR_SET_DUMPABLE, 1);
		MUST(write(ready[1], "", 1));
		for (;;)
			pause();
	}
	MUST(read(ready[0], path, 1));
	host_target = child;
	MUST(readlink(exe_of(child), target_exe, sizeof(target_exe) - 1));
	MUST(setresuid(NOBODY, NOBODY, NOBODY));
	prctl(PR_SET_DUMPABLE, 1);
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	TELL(open(path, O_RDWR), "proc_mem_write");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void way_int80(void)
{
	char *low = low_page();
	unsigned int *io = (unsigned int *)(low + 256);
	int pidfd;

	start_target();
	pidfd = MUST(syscall(__NR_pidfd_open, target, 0));
	io[0] = (unsigned int)(unsigned long)low;
	io[1] = 8;
	snprintf(low, 64, "/proc/%d/mem", target);
#define TELL80(call, name, ...)                                                   \
	do {                                                                      \
		struct deed _d = DEED(name, __VA_ARGS__);                         \
		done(&_d, (call));                                                \
	} while (0)
	TELL80(int80(5, (long)low, O_RDWR, 0, 0, 0), "proc_mem_write");
	TELL80(int80(438, pidfd, 0, 0, 0, 0), "pidfd_getfd");
	TELL80(int80(26, PTRACE_POKEDATA, target, 0x1000, 0xfeedbeef, 0), "PTRACE_POKEDATA", .code = 5, .has = 3,
	       .address = 0x1000, .data = 0xfeedbeef);
	TELL80(int80(26, PTRACE_ATTACH, target, 0, 0, 0), "PTRACE_ATTACH", .code = 16);
	attached();
	TELL80(int80(347, target, (long)io, 1, 0, 0), "process_vm_readv");
	TELL80(int80(348, target, (long)io, 1, 0, 0), "process_vm_writev");
	end_target();
}

/* The kernel need not know the ABI: the attempt is told all the same. */
static void way_x32(void)
{
	start_target();
	TELL(syscall(X32 | 521, PTRACE_ATTACH, target, 0, 0), "PTRACE_ATTACH", .code = 16);
	TELL(syscall(X32 | 540, target, NULL, 0, NULL, 0, 1), "process_vm_writev");
	end_target();
}

/* In a pid namespace the numbers are its own. */
static void way_namespace(void)
{
	pid_t child;
	int status;

	MUST(unshare(CLONE_NEWPID));
	child = MUST(fork());
	if (child) {
		waitpid(child, &status, 0);
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : 72);
	}
	start_target();
	TELL(trace(PTRACE_ATTACH, target, 0, 0), "PTRACE_ATTACH", .code = 16);
	attached();
	TELL(trace(PTRACE_ATTACH, 77, 0, 0), "PTRACE_ATTACH", .code = 16, .target = 0);
	end_target();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {
		{ "requests", way_requests }, { "refused", way_refused }, { "traceme", way_traceme }, { "thread", way_thread },
		{ "memory", way_memory }, { "getfd", way_getfd }, { "mem-file", way_mem_file },
		{ "mem-refused", way_mem_refused }, { "int80", way_int80 }, { "x32", way_x32 }, { "namespace", way_namespace },
	};
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "stranger")) {
		target = host_target = atoi(argv[2]);
		TELL(trace(PTRACE_SEIZE, target, 0, 0), "PTRACE_SEIZE", .code = 0x4206, .has = 2);
		return 0;
	}
	if (!strcmp(way, "stepping")) {
		way_stepping(atoi(argv[2]));
		return 0;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(way, ways[i].name)) {
			ways[i].run();
			return 0;
		}
	}
	return 64;
}
