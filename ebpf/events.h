/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every byte that crosses the ring: the one contract between the kernel programs and TypeScript.
 *
 * Rules: fixed width, explicit padding, never packed (layout.c is compiled with -Wpadded -Werror). A typedef says
 * what a number means; the generated decoder is chosen by the typedef, never by the name of the field. Text lies
 * behind the struct and is named by {offset, length}, so that it costs what it weighs.
 *
 * Past 400 lines: one contract is read in one place.
 */
#ifndef AGENTSMITH_EVENTS_H
#define AGENTSMITH_EVENTS_H

#include <linux/types.h>

typedef __u64 boot_ns;      /* nanoseconds since boot, suspend included (CLOCK_BOOTTIME) */
typedef __u64 nanos;        /* a duration */
typedef __u64 identifier;   /* 64 bits that are only compared and printed: inode, cgroup id, cookie */
typedef __u64 capabilities; /* a set of them, bit = CAP_ */
typedef __u64 counter;      /* counts up; stays below 2^53 */
typedef __u32 pid_id;       /* in the host's pid namespace unless the name says otherwise */
typedef __u32 uid_id;
typedef __u32 gid_id;
typedef __u32 tty_id;       /* major << 20 | minor; 0 = no controlling terminal */
typedef __u32 ns_inode;     /* inode number of a namespace */
typedef __s32 err_no;       /* 0 or -errno */
typedef __u16 port;         /* host byte order */

/* Bytes behind the struct. `offset` counts from the start of the record; length 0 = not known. */
struct text {
	__u16 offset;
	__u16 length;
};

/*
 * A path as the kernel's walk finds it: components leaf first, each with its NUL; an empty component at the end says
 * that the root was reached. "passwd\0etc\0\0" is /etc/passwd, "\0" is /, "memfd:x\0" is an object without a place.
 */
struct path_text {
	__u16 offset;
	__u16 length;
};

enum event_type {
	EVENT_PROCESS = 1,          /* introduction of a process that user space does not know; not exported */
	EVENT_PROCESS_FORK = 2,     /* a child exists and has its parent's image; not exported */
	EVENT_PROCESS_EXEC = 3,
	EVENT_PROCESS_EXIT = 4,
	EVENT_NETWORK_CONNECT = 5,
	EVENT_NETWORK_BIND = 6,
	EVENT_DNS_QUERY = 7,
	EVENT_DNS_ANSWER = 8,
	EVENT_FILE_CREATE = 9,
	EVENT_FILE_LINK = 10,
	EVENT_FILE_RENAME = 11,
	EVENT_FILE_SYMLINK = 12,
	EVENT_FILE_DELETE = 13,
	EVENT_FILE_DIRECTORY_CREATE = 14,
	EVENT_FILE_NODE_CREATE = 15,
	EVENT_PROCESS_PTRACE = 16,
	EVENT_KERNEL_MODULE_LOAD = 17,
	EVENT_KERNEL_BPF_LOAD = 18,
	EVENT_PROCESS_CREDENTIAL_CHANGE = 19,
	EVENT_DNS_SEGMENT = 20,     /* of a TCP stream, or several datagrams: user space finds the messages; not exported */
	EVENT_PROCESS_NAMESPACE_CHANGE = 21,
	EVENT_FILESYSTEM_MOUNT = 22,
	EVENT_KERNEL_PARAMETER_CHANGE = 23,
	EVENT_KERNEL_HELPER_CHANGE = 24,
	EVENT_KERNEL_KEXEC_LOAD = 25,
	EVENT_NETWORK_SOCKET_CONNECT = 26,
	EVENT_TYPES = 32,           /* room for what comes; each costs one struct counters a CPU */
};

/* Which program saw it, by the name of its function in programs/. */
enum program {
	PROGRAM_NONE,
	PROGRAM_process_exec,
	PROGRAM_process_exit,
	PROGRAM_network_connect4,
	PROGRAM_network_connect6,
	PROGRAM_network_connect_state,
	PROGRAM_network_connect_pending,
	PROGRAM_network_connect_release,
	PROGRAM_dns_egress,
	PROGRAM_dns_ingress,
	PROGRAM_network_connect_exit,
	PROGRAM_network_connect_tcp4,
	PROGRAM_network_connect_tcp6,
	PROGRAM_network_connect_udp4,
	PROGRAM_network_connect_udp6,
	PROGRAM_network_bind4,
	PROGRAM_network_bind6,
	PROGRAM_network_bind_exit,
	PROGRAM_process_exec_exit,
	PROGRAM_process_exec_call,
	PROGRAM_process_exec_at_call,
	PROGRAM_process_exec_compat_call,
	PROGRAM_process_exec_at_compat_call,
	PROGRAM_process_exec_arm64_call,
	PROGRAM_process_exec_at_arm64_call,
	PROGRAM_process_credential_commit,
	PROGRAM_process_credential_exit,
	PROGRAM_process_ptrace_exit,
	PROGRAM_process_memory_exit,
	PROGRAM_process_memory_open,
	PROGRAM_process_ptrace_native,
	PROGRAM_process_ptrace_compat,
	PROGRAM_process_readv_native,
	PROGRAM_process_readv_compat,
	PROGRAM_process_writev_native,
	PROGRAM_process_writev_compat,
	PROGRAM_process_getfd_native,
	PROGRAM_process_getfd_compat,
	PROGRAM_kernel_module_exit,
	PROGRAM_kernel_module_init_native,
	PROGRAM_kernel_module_init_compat,
	PROGRAM_kernel_module_finit_native,
	PROGRAM_kernel_module_finit_compat,
	PROGRAM_kernel_bpf_exit,
	PROGRAM_kernel_bpf_loaded,
	PROGRAM_kernel_bpf_native,
	PROGRAM_kernel_bpf_compat,
	PROGRAM_file_open,
	PROGRAM_file_mknod,
	PROGRAM_file_mknod_regular,
	PROGRAM_file_mkdir,
	PROGRAM_file_symlink,
	PROGRAM_file_link,
	PROGRAM_file_rename,
	PROGRAM_file_unlink,
	PROGRAM_file_rmdir,
	PROGRAM_file_open_exit,
	PROGRAM_file_path_exit,
	PROGRAM_file_uring_submit,
	PROGRAM_file_uring_submit_sqe,
	PROGRAM_file_uring_complete,
	PROGRAM_file_uring_complete_res,
	PROGRAM_process_namespace_fork,
	PROGRAM_process_namespace_exit,
	PROGRAM_process_unshare_native,
	PROGRAM_process_unshare_compat,
	PROGRAM_process_setns_native,
	PROGRAM_process_setns_compat,
	PROGRAM_filesystem_mount,
	PROGRAM_filesystem_mount_exit,
	PROGRAM_filesystem_move_native,
	PROGRAM_filesystem_move_compat,
	PROGRAM_filesystem_detached_native,
	PROGRAM_filesystem_detached_compat,
	PROGRAM_filesystem_clone_native,
	PROGRAM_filesystem_clone_compat,
	PROGRAM_filesystem_pivot_native,
	PROGRAM_filesystem_pivot_compat,
	PROGRAM_kernel_parameter,
	PROGRAM_kernel_helper_open,
	PROGRAM_kernel_helper_exit,
	PROGRAM_kernel_kexec_native,
	PROGRAM_kernel_kexec_compat,
	PROGRAM_kernel_kexec_file_native,
	PROGRAM_kernel_kexec_exit,
	PROGRAM_network_connect_send4,
	PROGRAM_network_connect_send6,
	PROGRAM_network_socket_stream,
	PROGRAM_network_socket_datagram,
	PROGRAM_network_socket_netlink,
	PROGRAM_network_socket_raw4,
	PROGRAM_network_socket_raw6,
	PROGRAM_network_socket_vsock,
	PROGRAM_network_socket_exit,
};

/* Starts every record; `size` is a multiple of 8, so the next record is aligned too. */
struct header {
	__u32 size;
	__u16 type;
	__u16 cpu;
	boot_ns time;
	counter sequence;           /* per CPU, of records to be exported; 0 in records that are not */
	pid_id tid;
	__u32 program;              /* enum program; 0 in introductions and forks */
	char comm[16];              /* of the thread; anyone can set it */
};

/*
 * The actor at the moment of the event: all that the process block needs from the kernel. Contiguous and without
 * pointers, so user space sees with one comparison of words whether its encoded block still holds.
 */
struct who {
	boot_ns start;              /* of the thread group leader; with pid the identity of a process */
	boot_ns parent_start;
	identifier exec_id;         /* counts the execs of this process and its ancestors: which image it runs */
	identifier cgroup;
	pid_id pid;
	pid_id parent_pid;
	pid_id group_leader;
	pid_id session_leader;
	pid_id vpid;                /* in the process's own pid namespace */
	uid_id uid;
	uid_id euid;
	uid_id suid;
	gid_id gid;
	gid_id egid;
	__u32 audit_session;        /* ~0 = unset */
	uid_id login_uid;           /* ~0 = unset */
	tty_id tty;
	ns_inode pid_ns;
	ns_inode mnt_ns;
	ns_inode net_ns;
	ns_inode uts_ns;
	ns_inode user_ns;
	char nodename[64];          /* no NUL when all 64 are used */
};

/* An open standard descriptor; mode 0 = closed. */
struct stdio {
	identifier inode;
	struct path_text path;
	__u32 mode;                 /* st_mode */
};

enum exec_flag {
	EXEC_ARGV_TRUNCATED = 1,    /* argv is longer than what was copied, or could not be read whole */
	EXEC_MEMFD = 2,             /* the executable lies in shared memory without a name */
	EXEC_DELETED = 4,           /* the executable had no link left */
	EXEC_ENVIRONMENT_TRUNCATED = 8, /* a variable was cut, or not all were looked at */
	EXEC_FAILED = 16,           /* nothing was started: `result` says why */
};

/*
 * What a process runs. As EVENT_PROCESS it introduces a process that was never seen to exec. With EXEC_FAILED it is what
 * the caller asked for, as its memory says after the call: `argv`, `script` (the path), and in `executable` the place
 * where a relative path begins when that is not the working directory.
 */
struct process_exec {
	struct header header;
	struct who who;
	identifier inode;           /* of the executable */
	__u32 device;               /* of the executable's filesystem, kernel encoding: major << 20 | minor */
	__u32 flags;                /* enum exec_flag */
	__u32 argc;                 /* 0 = not known (introductions) */
	__u32 argv_size;            /* bytes of the whole argv, NULs included */
	struct path_text executable;
	struct path_text cwd;
	struct text argv;           /* NUL-separated, at most 32 KiB */
	struct text environment;    /* allow-listed NAME=value, each with its NUL */
	struct text script;         /* as it was passed to execve; length 0 = no script */
	struct text interpreter;
	struct stdio stdin;
	struct stdio stdout;
	struct stdio stderr;
	err_no result;
	__u32 unused;
};

/* `origin` is who called clone; with CLONE_PARENT that is not the child's parent, but its image is the child's. */
struct process_fork {
	struct header header;
	struct who who;             /* of the child */
	boot_ns origin_start;
	identifier origin_exec_id;
	pid_id origin_pid;
	__u32 unused;
};

struct process_exit {
	struct header header;
	struct who who;
	__u32 status;               /* as wait(2) tells it: code << 8 | core dump 0x80 | signal */
	__u32 unused;
};

enum connect_flag {
	CONNECT_FAILED = 1,         /* it is known that it failed */
	CONNECT_RESULT_KNOWN = 2,   /* `result` holds */
	CONNECT_TOOK_KNOWN = 4,     /* `took` holds */
	CONNECT_PENDING = 8,        /* still open after 30 s; the end follows under the same cookie */
	CONNECT_FD_KNOWN = 16,
	CONNECT_LOCAL_KNOWN = 32,   /* `saddr` holds */
	CONNECT_MAPPED = 64,        /* an IPv4 address written as IPv6 */
	CONNECT_UNCONNECTED = 128,  /* no connect: the first datagram of the process, by this socket, to this address */
};

struct network_connect {
	struct header header;
	struct who who;
	identifier cookie;
	nanos took;
	__u8 saddr[16];             /* IPv4 in the first four bytes */
	__u8 daddr[16];
	port sport;
	port dport;
	__u16 family;               /* AF_INET or AF_INET6, mapped addresses already as AF_INET */
	__u16 protocol;
	err_no result;
	__u32 fd;
	__u32 flags;                /* enum connect_flag */
	__u32 unused;
};

enum dns_flag {
	DNS_TOOK_KNOWN = 1,         /* `took` holds */
	DNS_FD_KNOWN = 2,
	DNS_MAPPED = 4,             /* the caller's socket is an IPv6 one that talks IPv4 */
	DNS_ANSWER = 8,             /* of a segment: it comes from the resolver */
};

/* A message, or as EVENT_DNS_SEGMENT a piece of a TCP stream or several datagrams. `who` asked, whoever runs when the answer comes. */
struct dns_message {
	struct header header;
	struct who who;
	identifier cookie;
	nanos took;                 /* from the query to this answer */
	__u8 saddr[16];             /* of the one who asked; IPv4 in the first four bytes */
	__u8 daddr[16];             /* of the resolver */
	port sport;
	port dport;
	__u16 family;               /* AF_INET or AF_INET6, as the packet has it */
	__u16 protocol;
	__u32 fd;
	__u32 flags;                /* enum dns_flag */
	__u32 size;                 /* of the whole message, of which `message` may be the beginning */
	__u32 tcp_sequence;         /* of the segment's first byte; of datagrams that came as one packet, the size of each */
	struct text message;
	__u32 unused;
};

enum bind_flag {
	BIND_FAILED = 1,            /* `result` says why; the address is what the caller asked for, as its memory says */
	BIND_ADDRESS_KNOWN = 2,     /* `addr` and `port` hold */
	BIND_MAPPED = 4,            /* an IPv4 address written as IPv6 */
};

struct network_bind {
	struct header header;
	struct who who;
	__u8 addr[16];              /* IPv4 in the first four bytes */
	port port;                  /* after the kernel chose it */
	__u16 family;               /* AF_INET or AF_INET6, mapped addresses already as AF_INET */
	__u16 protocol;
	__u16 unused;
	err_no result;
	__u32 flags;                /* enum bind_flag */
};

/* `who` has the new ids. */
struct process_credential_change {
	struct header header;
	struct who who;
	capabilities permitted;
	capabilities effective;
	capabilities old_permitted;
	capabilities old_effective;
	uid_id old_uid;
	uid_id old_euid;
	uid_id old_suid;
	gid_id old_egid;
	ns_inode old_user_ns;
	__u32 unused;
};

/* How a process reached into another one; the first nine are requests of ptrace(2). */
enum injection {
	INJECTION_NONE,
	INJECTION_TRACEME,
	INJECTION_POKETEXT,
	INJECTION_POKEDATA,
	INJECTION_POKEUSER,
	INJECTION_SETREGS,
	INJECTION_SETFPREGS,
	INJECTION_ATTACH,
	INJECTION_SETREGSET,
	INJECTION_SEIZE,
	INJECTION_VM_READV,
	INJECTION_VM_WRITEV,
	INJECTION_MEM_WRITE,        /* /proc/PID/mem was opened for writing */
	INJECTION_GETFD,
};

enum ptrace_flag {
	PTRACE_ADDRESS_KNOWN = 1,
	PTRACE_DATA_KNOWN = 2,
	PTRACE_TARGET_KNOWN = 4,
	PTRACE_IMAGE_KNOWN = 8,     /* user space knows what the target runs; `executable` is empty */
};

struct process_ptrace {
	struct header header;
	struct who who;
	boot_ns target_start;       /* as in struct who */
	identifier target_exec_id;
	identifier address;
	identifier data;
	__u32 injection;            /* enum injection */
	__u32 request;              /* of ptrace(2) */
	pid_id target;
	struct path_text executable; /* of the target */
	err_no result;
	__u32 flags;                /* enum ptrace_flag */
};

enum module_flag {
	MODULE_FROM_MEMORY = 1,     /* init_module: there is no file */
	MODULE_KNOWN = 2,           /* the kernel took it as far as its name, taints and signature */
	MODULE_SIGNED = 4,
};

struct kernel_module_load {
	struct header header;
	struct who who;
	identifier taints;          /* one bit a letter */
	struct path_text file;
	err_no result;
	__u32 flags;                /* enum module_flag */
	__u32 unused;
	char name[56];
};

/* `id` 0: it was refused, or its descriptor was gone before it could be looked at. */
struct kernel_bpf_load {
	struct header header;
	struct who who;
	__u32 id;
	__u32 type;                 /* enum bpf_prog_type */
	err_no result;
	__u32 unused;
	char name[16];
};

enum file_flag {
	FILE_UNRESOLVED = 1,        /* what the caller wrote, behind the real path of where the kernel began to look */
};

/*
 * A name came into being, went, or changed. Paths are `path` alone, or `path` and behind it `name` as the caller wrote it:
 * with a slash at its start `path` is the caller's root, else the directory that the name is relative to.
 */
struct file_change {
	struct header header;
	struct who who;
	identifier inode;
	__u32 mode;                 /* st_mode; 0 = nothing is known of the file behind the name */
	uid_id owner;
	__u32 flags;                /* enum file_flag */
	struct path_text path;
	struct text name;
	struct path_text old_path;  /* of links and renames */
	struct text old_name;
	struct text target;         /* of symbolic links, as it was written */
};

enum namespace_call {
	NAMESPACE_NONE,
	NAMESPACE_UNSHARE,
	NAMESPACE_SETNS,
	NAMESPACE_CLONE,            /* a child was born into other namespaces */
};

/* Bits of `types`; of pid and time the namespace that children will be in. */
enum namespace_type {
	NAMESPACE_MNT = 1,
	NAMESPACE_NET = 2,
	NAMESPACE_UTS = 4,
	NAMESPACE_IPC = 8,
	NAMESPACE_PID = 16,
	NAMESPACE_CGROUP = 32,
	NAMESPACE_TIME = 64,
	NAMESPACE_USER = 128,
};

struct namespaces {
	ns_inode mnt;
	ns_inode net;
	ns_inode uts;
	ns_inode ipc;
	ns_inode pid;
	ns_inode cgroup;
	ns_inode time;
	ns_inode user;
};

/* `who` is as it is afterwards; of a clone it is the parent. */
struct process_namespace_change {
	struct header header;
	struct who who;
	boot_ns child_start;
	pid_id child;
	__u32 call;                 /* enum namespace_call */
	__u32 types;                /* enum namespace_type: that changed; of a failure those that were asked for */
	err_no result;
	struct namespaces now;      /* 0 = not known */
	struct namespaces before;
};

enum mount_operation {
	MOUNT_NONE,
	MOUNT_MOUNT,
	MOUNT_BIND,
	MOUNT_MOVE,
	MOUNT_REMOUNT,
	MOUNT_PROPAGATION,
	MOUNT_MOVE_MOUNT,           /* from here on other system calls than mount(2) */
	MOUNT_FSMOUNT,
	MOUNT_OPEN_TREE,
	MOUNT_PIVOT_ROOT,
};

enum mount_flag {
	MOUNT_UNRESOLVED = 1,       /* path and name as in struct file_change */
	MOUNT_UNVERIFIED = 2,       /* source and type come from the caller's memory, too */
	MOUNT_FLAGS_KNOWN = 4,      /* `flags` are those of mount(2) */
};

struct filesystem_mount {
	struct header header;
	struct who who;
	__u32 operation;            /* enum mount_operation */
	__u32 flags;                /* MS_ */
	__u32 facts;                /* enum mount_flag */
	err_no result;
	struct path_text path;
	struct text name;
	struct text source;
	struct text type;
};

/* A file below /proc/sys is written. The values are the kernel's copies, without the newline at their ends. */
struct kernel_parameter_change {
	struct header header;
	struct who who;
	struct text name;           /* "kernel/core_pattern" */
	struct text value;
	struct text old_value;
	__u32 flags;                /* enum parameter_flag */
};

enum parameter_flag {
	PARAMETER_TRUNCATED = 1,    /* a value is longer than what is here */
};

/* A file that tells the kernel which program to start was opened for writing. */
struct kernel_helper_change {
	struct header header;
	struct who who;
	struct path_text path;
	__u32 unused;
};

enum kexec_flag {
	KEXEC_FROM_MEMORY = 1,      /* kexec_load: there is no file */
	KEXEC_ON_CRASH = 2,         /* it is to run when the kernel panics */
	KEXEC_UNLOAD = 4,           /* the kernel that was loaded is to be forgotten */
};

struct kernel_kexec_load {
	struct header header;
	struct who who;
	struct path_text file;
	struct path_text initrd;
	__u32 flags;                /* enum kexec_flag */
	err_no result;
};

enum socket_flag {
	SOCKET_FAILED = 1,          /* `result` says why */
	SOCKET_RESULT_UNKNOWN = 2,
	SOCKET_PEER_KNOWN = 4,      /* address or path hold */
	SOCKET_UNVERIFIED = 8,      /* they come from the caller's memory after the call */
	SOCKET_ABSTRACT = 16,       /* `name` is one of no file */
};

/* A socket of another kind than TCP and UDP was connected. */
struct network_socket_connect {
	struct header header;
	struct who who;
	__u8 addr[16];              /* of raw sockets; IPv4 in the first four bytes */
	__u32 peer;                 /* context id (vsock), port id (netlink) */
	__u32 peer_port;            /* of vsock */
	__u16 family;
	__u16 type;                 /* SOCK_ */
	__u16 protocol;
	__u16 unused;
	__u32 flags;                /* enum socket_flag */
	err_no result;
	struct path_text path;      /* of a UNIX socket: where it lies; before `name`, where that begins */
	struct text name;
};

/* Per CPU and event type: attempted = submitted + filtered + ring_full + reserved + rate_limited + no_memory. */
struct counters {
	__u64 attempted;
	__u64 submitted;
	__u64 filtered;             /* the agent itself and its helpers */
	__u64 ring_full;
	__u64 reserved;             /* high-volume event refused while less than an eighth of the ring was free */
	__u64 rate_limited;         /* above what one process may send of it */
	__u64 no_memory;            /* the kernel had no room to build it in: socket storage, scratch */
};

#endif
