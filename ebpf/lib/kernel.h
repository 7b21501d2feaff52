/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel fields that we rely on: our whole contract with the kernel on one page. Only names and types matter;
 * CO-RE finds the offsets on the running kernel. Instead of vmlinux.h (2.8 MB, object four times as large).
 */
#ifndef AGENTSMITH_KERNEL_H
#define AGENTSMITH_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define TS_COMPAT 0x0002
#define FMODE_WRITE 0x2
#define O_CREAT 0100
#define PROC_SUPER_MAGIC 0x9fa0
#define PID_FS_MAGIC 0x50494446
#define NSFS_MAGIC 0x6e736673
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define BINFMTFS_MAGIC 0x42494e4d

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_VSOCK 40
#define SOCK_RAW 3
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { int counter; } atomic_t;
typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;

/* Processes */
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };
struct proc_ns_operations { int type; };
struct ns_common { const struct proc_ns_operations *ops; u32 ns_type; unsigned int inum; }; /* the type by itself: 6.18 */
struct xarray { void *xa_head; };
struct xa_node { unsigned char shift; void *slots[64]; };
struct idr { struct xarray idr_rt; };
struct pid_namespace { struct idr idr; struct ns_common ns; };
struct mnt_namespace { struct ns_common ns; };
struct uts_namespace { struct { char nodename[65]; } name; struct ns_common ns; };
struct net { struct ns_common ns; };
struct ipc_namespace { struct ns_common ns; };
struct cgroup_namespace { struct ns_common ns; };
struct time_namespace { struct ns_common ns; };
struct user_namespace { struct ns_common ns; };
struct upid { int nr; struct pid_namespace *ns; };
/* A kernel struct that begins with a word: what lies at an address, as a number. */
struct timespec64 { s64 tv_sec; };
struct hlist_node { struct hlist_node *next; };
struct hlist_head { struct hlist_node *first; };
struct pid { unsigned int level; struct hlist_head tasks[4]; struct upid numbers[1]; };
/* Two words before 6.3, one of 64 bits since: the same bytes. */
typedef struct { u64 val; } kernel_cap_t;
struct cred {
	kuid_t uid, suid, euid;
	kgid_t gid, egid;
	kernel_cap_t cap_permitted, cap_effective;
	struct user_namespace *user_ns;
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};
struct tty_driver { int major, minor_start; };
struct tty_struct { struct tty_driver *driver; int index; };
struct signal_struct {
	atomic_t live;
	int nr_threads;
	struct pid *pids[4];
	struct tty_struct *tty;
	unsigned int flags;
	int group_exit_code;
};
struct thread_info { u32 status; };
struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	struct mm_struct *mm;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	u64 start_boottime;
	u64 self_exec_id;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	unsigned int sessionid;
	struct css_set *cgroups;
};
struct linux_binprm { int argc; const char *filename, *interp; };

/* Control groups */
enum cgroup_subsys_id { memory_cgrp_id };
struct kernfs_node { u64 id; };
struct cgroup { struct kernfs_node *kn; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
struct css_set { struct cgroup_subsys_state *subsys[1]; struct cgroup *dfl_cgrp; };

/* Files */
struct qstr { const unsigned char *name; };
struct file_system_type { const char *name; };
struct super_block { u32 s_dev; unsigned long s_magic; struct file_system_type *s_type; };
struct inode {
	u16 i_mode;
	kuid_t i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	void *i_private;
};
struct proc_inode { struct pid *pid; struct inode vfs_inode; };
struct dentry { struct dentry *d_parent; struct qstr d_name; struct inode *d_inode; };
struct vfsmount { struct dentry *mnt_root; struct super_block *mnt_sb; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; const char *mnt_devname; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file { unsigned int f_mode, f_flags; struct path f_path; struct inode *f_inode; void *private_data; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct fs_struct { struct path root, pwd; };
struct filename { const char *name; };
struct renamedata { struct dentry *old_dentry; };
struct mm_struct { unsigned long arg_start, arg_end, env_start, env_end; struct file *exe_file; };

/* What the kernel itself loads */
enum kernel_read_file_id { READING_MODULE = 2 };
struct module { char name[56]; unsigned long taints; bool sig_ok; };
struct bpf_prog_aux { u32 id; char name[16]; };
struct bpf_prog { enum bpf_prog_type type; struct bpf_prog_aux *aux; };

/* Sockets */
struct in6_addr { union { u8 u6_addr8[16]; } in6_u; };
struct sock_common {
	u16 skc_family;
	u16 skc_num;
	volatile unsigned char skc_state;
	struct { s64 counter; } skc_cookie;
	u32 skc_daddr, skc_rcv_saddr;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
typedef struct { int owned; } socket_lock_t;
struct sock { struct sock_common __sk_common; socket_lock_t sk_lock; int sk_err; u16 sk_type, sk_protocol; };
struct inet_sock { __be16 inet_sport; };
struct socket { struct sock *sk; };
struct sockaddr_un { u16 sun_family; char sun_path[108]; };
struct unix_address { int len; struct sockaddr_un name[1]; };
struct unix_sock { struct unix_address *addr; struct path path; struct sock *peer; };
struct netlink_sock { u32 dst_portid; };
struct sk_buff;
struct pt_regs;

/* io_uring; what lies behind `file` depends on the operation */
struct io_rsrc_node { unsigned long file_ptr; };
struct io_rsrc_data { struct io_rsrc_node **nodes; };
struct io_fixed_file { unsigned long file_ptr; };
struct io_file_table { struct io_rsrc_data data; struct io_fixed_file *files; }; /* the second until 6.12 */
struct io_ring_ctx { struct io_file_table file_table; };
struct io_kiocb { struct file *file; u8 opcode; u64 flags; struct io_ring_ctx *ctx; };
struct io_uring_cqe { int res; };
struct open_how { u64 flags; };
struct io_open { int dfd; u32 file_slot; struct filename *filename; struct open_how how; };
struct io_unlink { int dfd; struct filename *filename; };
struct io_mkdir { int dfd; struct filename *filename; };
struct io_rename { int old_dfd, new_dfd; struct filename *oldpath, *newpath; };
struct io_link { int old_dfd, new_dfd; struct filename *oldpath, *newpath; };

#pragma clang attribute pop

#endif
