/* SPDX-License-Identifier: Apache-2.0 */
/* Changes names in its working directory: file-ways WAY. One line a change. */
#include "files.h"
#include "uring.h"
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static const char *way;

static int is(const char *name)
{
	return !strcmp(way, name);
}

static int touch(const char *name)
{
	return MUST(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int directory(const char *name)
{
	return MUST(open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static struct sockaddr_un socket_name(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, name);
	return a;
}

/* Opens that make a file. */
static int way_open(void)
{
	struct deed d = create_of("new");
	struct open_how how = { .flags = O_CREAT | O_RDWR, .mode = 0640 };

	if (is("open")) {
		DEED(&d, syscall(SYS_open, "new", O_CREAT | O_WRONLY, 0640));
	} else if (is("open-exclusive")) {
		DEED(&d, open("new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0604));
	} else if (is("creat")) {
		DEED(&d, syscall(SYS_creat, "new", 04755));
	} else if (is("openat")) {
		PREPARE(MUST(mkdir("dir", 0700)));
		d.dfd = directory("dir");
		DEED(&d, openat(d.dfd, "new", O_CREAT | O_WRONLY, 0640));
	} else if (is("openat2")) {
		DEED(&d, syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)));
	} else {
		return 0;
	}
	return 1;
}

/* A file without a name gets one; a second one is a link. */
static int way_tmpfile(void)
{
	struct deed d = create_of("new"), second = deed_of("file.link", "second");
	char link[64];
	int fd;

	if (strncmp(way, "tmpfile", 7))
		return 0;
	/* Not every file system has such files. */
	PREPARE(MUST(mkdir("mounted", 0755)));
	if (unshare(CLONE_NEWNS))
		skip("this kernel allows no mount namespace");
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount("none", "mounted", "tmpfs", 0, NULL));
	MUST(chdir("mounted"));
	fd = MUST(open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
	d.is_sure = 0;
	d.knows_file = 1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (is("tmpfile-empty"))
		DEED(&d, linkat(fd, "", AT_FDCWD, "new", AT_EMPTY_PATH));
	else
		DEED(&d, linkat(AT_FDCWD, link, AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
	second.old_name = "new";
	DEED(&second, linkat(AT_FDCWD, "new", AT_FDCWD, "second", 0));
	return 1;
}

static int way_node(void)
{
	struct deed d = create_of("new");
	int fd;

	if (is("mknod")) {
		d.is_sure = 0;
		DEED(&d, syscall(SYS_mknod, "new", S_IFREG | 0640, 0));
	} else if (is("mknodat")) {
		PREPARE(MUST(mkdir("dir", 0700)));
		d.is_sure = 0;
		d.dfd = directory("dir");
		DEED(&d, syscall(SYS_mknodat, d.dfd, "new", 0640, 0));
	} else if (is("mknod-socket")) {
		d.is_sure = 0;
		DEED(&d, mknod("new", S_IFSOCK | 0640, 0));
	} else if (is("fifo")) {
		d = deed_of("file.node.create", "new");
		DEED(&d, mkfifo("new", 0640));
	} else if (is("device")) {
		d = deed_of("file.node.create", "new");
		DEED(&d, mknod("new", S_IFCHR | 0600, makedev(1, 3)));
	} else if (is("bind")) {
		struct sockaddr_un a = socket_name("new");

		fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
		DEED(&d, bind(fd, (void *)&a, sizeof(a)));
	} else if (is("bind-datagram")) {
		struct sockaddr_un a = socket_name("new");

		fd = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
		DEED(&d, bind(fd, (void *)&a, sizeof(sa_family_t) + 4));
	} else {
		return 0;
	}
	return 1;
}

#ifdef __x86_64__
static void no_int80(int signal)
{
	(void)signal;
	skip("this kernel has no 32-bit system calls");
}

/* 32-bit system calls from a 64-bit program: what they point to must lie below 4 GiB. */
static long int80(long nr, long a, long b, long c)
{
	long result;

	signal(SIGSEGV, no_int80);
	asm volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	result = (int)result;
	if (result < 0) {
		errno = -result;
		return -1;
	}
	return result;
}

static int way_int80(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned *words = (void *)(low + 1024);
	struct deed d = create_of("new");
	struct sockaddr_un a = socket_name("new");

	strcpy(low, "new");
	memcpy(low + 512, &a, sizeof(a));
	if (is("int80-open")) {
		DEED(&d, int80(5, (long)low, O_CREAT | O_WRONLY, 0640));
	} else if (is("int80-creat")) {
		DEED(&d, int80(8, (long)low, 0640, 0));
	} else if (is("int80-openat")) {
		PREPARE(MUST(mkdir("dir", 0700)));
		d.dfd = directory("dir");
		DEED(&d, int80(295, d.dfd, (long)low, O_CREAT | O_WRONLY));
	} else if (is("int80-mkdir")) {
		d = deed_of("file.directory.create", "new");
		DEED(&d, int80(39, (long)low, 0750, 0));
	} else if (is("int80-mknod")) {
		d.is_sure = 0;
		DEED(&d, int80(14, (long)low, S_IFREG | 0640, 0));
	} else if (is("int80-rename")) {
		d = deed_of("file.rename", "new");
		d.old_name = strcpy(low + 64, "old");
		PREPARE(touch("old"));
		DEED(&d, int80(38, (long)(low + 64), (long)low, 0));
	} else if (is("int80-bind")) {
		DEED(&d, int80(361, MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (long)(low + 512), sizeof(a)));
	} else if (is("int80-socketcall")) {
		words[0] = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
		words[1] = (unsigned)(unsigned long)(low + 512);
		words[2] = sizeof(a);
		DEED(&d, int80(102, 2, (long)words, 0));
	} else {
		return 0;
	}
	return 1;
}
#else
static int way_int80(void)
{
	if (!strncmp(way, "int80", 5))
		skip("int 0x80 is of x86");
	return 0;
}
#endif

/* io_uring: an open, by every kind of descriptor and thread. */
static int way_uring_open(void)
{
	struct deed d = create_of("new");
	struct open_how how = { .flags = O_CREAT | O_RDWR, .mode = 0640 };
	struct io_uring_sqe open = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)"new",
				     .open_flags = O_CREAT | O_WRONLY, .len = 0640 };
	int none[4] = { -1, -1, -1, -1 };
	struct ring r;

	if (strncmp(way, "uring-open", 10))
		return 0;
	r = ring_of(is("uring-open-sqpoll") ? IORING_SETUP_SQPOLL : 0);
	if (is("uring-openat2")) {
		open.opcode = IORING_OP_OPENAT2;
		open.len = sizeof(how);
		open.off = (unsigned long)&how;
		open.open_flags = 0;
	} else if (is("uring-open-direct") || is("uring-open-direct-allocated")) {
		MUST(syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_FILES, none, 4));
		open.file_index = is("uring-open-direct") ? 3 : ~0u;
	} else if (is("uring-open-async")) {
		open.flags = IOSQE_ASYNC;
	} else if (is("uring-open-silent")) {
		/* Nothing is heard of it when it succeeds: what it made is looked for. */
		open.flags = 1 << 6; /* IOSQE_CQE_SKIP_SUCCESS */
		d.is_sure = 0;
		d.is_unsure = 1;
	}
	DEED(&d, ({
		int result = ring_do(&r, open);

		while (d.is_unsure && access("new", F_OK))
			sched_yield();
		/* The name is there before the file is open, which a worker of the kernel may still have to do. */
		if (d.is_unsure)
			usleep(200000);
		result;
	}));
	return 1;
}

/* io_uring: what has names alone. */
static int way_uring(void)
{
	unsigned long name = (unsigned long)"new", old = (unsigned long)"old";
	struct sockaddr_un a = socket_name("new");
	struct io_uring_sqe request = { .fd = AT_FDCWD, .addr = name };
	struct deed d;
	struct ring r;

	if (strncmp(way, "uring-", 6))
		return 0;
	r = ring_of(0);
	if (is("uring-mkdir")) {
		d = deed_of("file.directory.create", "new");
		request.opcode = 37;
		request.len = 0750;
	} else if (is("uring-unlink")) {
		d = deed_of("file.delete", "new");
		PREPARE(touch("new"));
		request.opcode = 36;
	} else if (is("uring-rename")) {
		PREPARE(touch("old"));
		d = deed_of("file.rename", "new");
		d.old_name = "old";
		request.opcode = 35;
		request.addr = old;
		request.len = AT_FDCWD;
		request.off = name;
	} else if (is("uring-link")) {
		PREPARE(touch("old"));
		d = deed_of("file.link", "new");
		d.old_name = "old";
		request.opcode = 39;
		request.addr = old;
		request.len = AT_FDCWD;
		request.off = name;
	} else if (is("uring-symlink")) {
		d = deed_of("file.symlink", "new");
		d.target = "old";
		request.opcode = 38;
		request.addr = old;
		request.off = name;
	} else if (is("uring-bind")) {
		d = create_of("new");
		request.opcode = 56;
		request.fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
		request.addr = (unsigned long)&a;
		request.off = sizeof(a);
	} else {
		return 0;
	}
	DEED(&d, ring_do(&r, request));
	return 1;
}

/* Links, renames, directories and what goes. */
static int way_name(void)
{
	struct deed d = deed_of("file.link", "new");
	int fd;

	d.old_name = "old";
	if (is("link")) {
		PREPARE(touch("old"));
		DEED(&d, syscall(SYS_link, "old", "new"));
	} else if (is("linkat")) {
		PREPARE(MUST(mkdir("from", 0700)); MUST(mkdir("to", 0700)); touch("from/old"));
		d.old_dfd = directory("from");
		d.dfd = directory("to");
		DEED(&d, linkat(d.old_dfd, "old", d.dfd, "new", 0));
	} else if (is("link-symlink")) {
		PREPARE(MUST(symlink("nowhere", "old")));
		DEED(&d, link("old", "new"));
	} else if (is("rename")) {
		PREPARE(touch("old"));
		d.event = "file.rename";
		DEED(&d, syscall(SYS_rename, "old", "new"));
	} else if (is("rename-over")) {
		PREPARE(touch("old"); touch("new"));
		d.event = "file.rename";
		DEED(&d, rename("old", "new"));
	} else if (is("rename-directory")) {
		PREPARE(MUST(mkdir("old", 0755)));
		d.event = "file.rename";
		DEED(&d, rename("old", "new"));
	} else if (is("renameat")) {
		PREPARE(MUST(mkdir("from", 0700)); MUST(mkdir("to", 0700)); touch("from/old"));
		d.event = "file.rename";
		d.old_dfd = directory("from");
		d.dfd = directory("to");
		DEED(&d, syscall(SYS_renameat, d.old_dfd, "old", d.dfd, "new"));
	} else if (is("renameat2")) {
		PREPARE(touch("old"));
		d.event = "file.rename";
		DEED(&d, syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "new", 1 /* RENAME_NOREPLACE */));
	} else if (is("rename-exchange")) {
		PREPARE(touch("old"); touch("new"));
		d.event = "file.rename";
		DEED(&d, syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "new", 2 /* RENAME_EXCHANGE */));
	} else if (is("symlink") || is("symlinkat")) {
		d = deed_of("file.symlink", "new");
		d.target = "../some where/\xff";
		if (is("symlinkat")) {
			PREPARE(MUST(mkdir("dir", 0700)));
			d.dfd = directory("dir");
		}
		DEED(&d, symlinkat(d.target, d.dfd, "new"));
	} else if (is("symlink-long")) {
		char *target = memset(calloc(1, 4096), 'x', 4000);

		d = deed_of("file.symlink", "new");
		d.target = target;
		DEED(&d, symlink(target, "new"));
	} else if (is("unlink") || is("unlinkat")) {
		d = deed_of("file.delete", "new");
		PREPARE(touch("new"));
		if (is("unlink"))
			DEED(&d, syscall(SYS_unlink, "new"));
		else
			DEED(&d, unlinkat(AT_FDCWD, "new", 0));
	} else if (is("rmdir") || is("unlinkat-directory")) {
		d = deed_of("file.delete", "new");
		PREPARE(MUST(mkdir("new", 0700)));
		if (is("rmdir"))
			DEED(&d, syscall(SYS_rmdir, "new"));
		else
			DEED(&d, unlinkat(AT_FDCWD, "new", AT_REMOVEDIR));
	} else if (is("mkdir")) {
		d = deed_of("file.directory.create", "new");
		DEED(&d, syscall(SYS_mkdir, "new", 01750));
	} else if (is("mkdirat")) {
		PREPARE(MUST(mkdir("dir", 0700)));
		d = deed_of("file.directory.create", "new");
		d.dfd = fd = directory("dir");
		DEED(&d, mkdirat(fd, "new", 0700));
	} else {
		return 0;
	}
	return 1;
}

/* Nothing comes of these; the last line is the only deed. */
static int way_nothing(void)
{
	struct deed d = create_of("end");
	struct open_how how = { .flags = O_CREAT | O_RDWR, .mode = 0640 };
	struct sockaddr_un a = socket_name("old"), abstract = { .sun_family = AF_UNIX, .sun_path = "\0abstract" };
	struct sockaddr_un family = { .sun_family = AF_UNIX };

	if (is("existing")) {
		PREPARE(touch("old"); MUST(symlink("old", "symlink")));
		MUST(syscall(SYS_open, "old", O_CREAT | O_WRONLY, 0600));
		MUST(openat(AT_FDCWD, "old", O_CREAT | O_TRUNC | O_RDWR, 0600));
		MUST(syscall(SYS_openat2, AT_FDCWD, "old", &how, sizeof(how)));
		MUST(syscall(SYS_creat, "symlink", 0600));
		MUST(open("/proc/self/fd/0", O_CREAT | O_RDONLY, 0600));
		MUST(open("/dev/null", O_CREAT | O_WRONLY, 0600));
	} else if (is("existing-uring")) {
		struct io_uring_sqe open = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)"old",
					     .open_flags = O_CREAT | O_WRONLY, .len = 0640 };
		struct ring r = ring_of(0);

		PREPARE(touch("old"));
		MUST(ring_do(&r, open));
		open.open_flags |= O_EXCL;
		if (ring_do(&r, open) >= 0)
			exit(72);
	} else if (is("failed")) {
		PREPARE(touch("old"); MUST(mkdir("dir", 0700)); touch("dir/file"));
		if (open("old", O_CREAT | O_EXCL, 0600) >= 0 || open("missing/new", O_CREAT, 0600) >= 0 ||
		    open("dir", O_CREAT | O_WRONLY, 0600) >= 0 || !mkdir("old", 0700) || !mkdir("missing/new", 0700) ||
		    !mknod("old", S_IFREG, 0) || !mkfifo("old", 0600) || !symlink("x", "old") || !link("old", "dir") ||
		    !link("missing", "new") || !rename("missing", "new") || !rename("old", "dir") || !unlink("missing") ||
		    !unlink("dir") || !rmdir("dir") || !rmdir("old") ||
		    !syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "dir", 1) ||
		    !bind(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&a, sizeof(a)))
			exit(72);
	} else if (is("nameless")) {
		MUST(bind(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&abstract, sizeof(abstract)));
		MUST(bind(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&family, sizeof(sa_family_t)));
		MUST(syscall(SYS_memfd_create, "x", 0));
	} else {
		return 0;
	}
	DEED(&d, open("end", O_CREAT | O_WRONLY, 0600));
	return 1;
}

int main(int argc, char **argv)
{
	way = argc > 1 ? argv[1] : "";
	umask(0);
	return way_open() || way_tmpfile() || way_node() || way_int80() || way_uring_open() || way_uring() || way_name() ||
	       way_nothing() ? 0 : 64;
}
