/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gains privileges, or does not: process-credential DEED [PROGRAM]. Lines are of `Change` in test/support/credential.ts:
 * what the thread was before (its file in /proc) and what it is afterwards. `say` is what the other program is started
 * with; then the line before comes from the one that started it.
 */
#include "truth.h"
#include "int80.h"
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>

#define NOBODY 1000
#define ROOTS_RIGHT 0x20ull          /* CAP_KILL */

static struct line l;
static FILE *to;

static void before(void)
{
	int proc = proc_root();

	to = line_begin(&l);
	json_file(to, proc, "before", "thread-self/status");
	if (proc != PROC_FD)
		close(proc);
	fprintf(to, "\"began\":\"%llu\",", boot_ns());
}

static void after(void)
{
	int proc = proc_root();

	/* Credentials are a thread's own. */
	json_file(to, proc, "thread", "thread-self/status");
	if (proc != PROC_FD)
		close(proc);
	json_proc(to);
	line_end(&l);
}

/* Raw calls: glibc would have every thread make them. */
#define DO(...) do { before(); MUST(syscall(__VA_ARGS__)); after(); } while (0)

static void become_nobody(int saved)
{
	MUST(syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY));
	MUST(syscall(SYS_setresuid, NOBODY, NOBODY, saved));
	/* Otherwise /proc/self is root's. */
	prctl(PR_SET_DUMPABLE, 1);
}

static void set_capabilities(unsigned long long effective, unsigned long long permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = effective, .permitted = permitted },
		{ .effective = effective >> 32, .permitted = permitted >> 32 },
	};

	MUST(syscall(SYS_capset, &header, data));
}

static void *in_thread(void *unused)
{
	prctl(PR_SET_NAME, "regaining");
	DO(SYS_setresuid, -1, 0, -1);
	return unused;
}

static void exec(const char *program)
{
	before();
	line_end(&l);
	execl(program, program, "say", NULL);
	die("execl");
}

/* The program may have CAP_KILL, effective at once or only permitted. */
static void give_capability(const char *program, int effective)
{
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0) };

	data.data[0].permitted = ROOTS_RIGHT;
	if (setxattr(program, "security.capability", &data, XATTR_CAPS_SZ_2, 0))
		skip("this file system has no capabilities of files");
}

int main(int argc, char **argv)
{
	const char *deed = argc > 1 ? argv[1] : "", *program = argc > 2 ? argv[2] : "";
	pthread_t thread;

	if (!strcmp(deed, "say")) {
		to = line_begin(&l);
		fprintf(to, "\"began\":\"%llu\",", boot_ns());
		after();
	} else if (!strcmp(deed, "setuid")) {
		become_nobody(0);
		DO(SYS_setuid, 0);
	} else if (!strcmp(deed, "setreuid")) {
		become_nobody(0);
		DO(SYS_setreuid, -1, 0);
	} else if (!strcmp(deed, "setresuid")) {
		become_nobody(0);
		DO(SYS_setresuid, 0, -1, -1);
	} else if (!strcmp(deed, "int80")) {
		become_nobody(0);
		before();
		/* 208 = setresuid with ids of 32 bits */
		if (int80(208, -1, 0, -1))
			die("setresuid");
		after();
	} else if (!strcmp(deed, "setfsuid")) {
		MUST(syscall(SYS_setfsuid, NOBODY));
		before();
		syscall(SYS_setfsuid, 0);
		after();
	} else if (!strcmp(deed, "capset")) {
		set_capabilities(0, ROOTS_RIGHT);
		before();
		set_capabilities(ROOTS_RIGHT, ROOTS_RIGHT);
		after();
	} else if (!strcmp(deed, "again")) {
		become_nobody(0);
		DO(SYS_setresuid, -1, 0, -1);
		MUST(syscall(SYS_setresuid, -1, NOBODY, -1));
		DO(SYS_setresuid, -1, 0, -1);
	} else if (!strcmp(deed, "thread")) {
		become_nobody(0);
		pthread_create(&thread, NULL, in_thread, NULL);
		pthread_join(thread, NULL);
	} else if (!strcmp(deed, "namespace")) {
		become_nobody(NOBODY);
		before();
		if (unshare(CLONE_NEWUSER))
			skip("this kernel allows no user namespace");
		after();
	} else if (!strcmp(deed, "nothing")) {
		/* Root is root already; dropping rights gains none; what fails changes nothing. */
		MUST(syscall(SYS_setresuid, 0, 0, 0));
		MUST(syscall(SYS_setresgid, 5, 5, 0));
		set_capabilities(0xc0, 0xe0);
		set_capabilities(0x80, 0xc0);
		MUST(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY));
		if (!syscall(SYS_setresuid, 0, 0, 0))
			return 65;
		prctl(PR_SET_NAME, "renamed");
		before();
		after();
	} else if (!strcmp(deed, "exec")) {
		become_nobody(NOBODY);
		exec(program);
	} else if (!strcmp(deed, "exec-as-root")) {
		exec(program);
	} else if (!strcmp(deed, "exec-after-rename")) {
		/* What is noted at a rename must not be what an exec is compared with. */
		become_nobody(0);
		prctl(PR_SET_NAME, "renamed");
		MUST(syscall(SYS_setresuid, 0, 0, 0));
		exec(program);
	} else if (!strcmp(deed, "exec-capable") || !strcmp(deed, "exec-permitted")) {
		give_capability(program, deed[5] == 'c');
		become_nobody(NOBODY);
		exec(program);
	} else {
		return 64;
	}
	return 0;
}
