// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names each record once, so that its BTF exists; compiled with -Wpadded -Werror, read by gen-layout.ts. */
#include "filters.h"

struct process_exec process_exec;
struct process_fork process_fork;
struct process_exit process_exit;
struct network_connect network_connect;
struct dns_message dns_message;
struct network_bind network_bind;
struct process_credential_change process_credential_change;
struct process_ptrace process_ptrace;
struct kernel_module_load kernel_module_load;
struct kernel_bpf_load kernel_bpf_load;
struct file_change file_change;
struct process_namespace_change process_namespace_change;
struct filesystem_mount filesystem_mount;
struct kernel_parameter_change kernel_parameter_change;
struct kernel_helper_change kernel_helper_change;
struct kernel_kexec_load kernel_kexec_load;
struct network_socket_connect network_socket_connect;
struct counters counters;
struct verdict verdict;
struct file_key file_key;
struct network_key network_key;
struct path_rule path_rule;
struct budget budget;
enum event_type event_type;
enum program program;
enum exec_flag exec_flag;
enum connect_flag connect_flag;
enum filter_kind filter_kind;
enum path_rule_kind path_rule_kind;
enum dns_flag dns_flag;
enum namespace_call namespace_call;
enum namespace_type namespace_type;
enum mount_operation mount_operation;
enum mount_flag mount_flag;
enum parameter_flag parameter_flag;
enum kexec_flag kexec_flag;
enum socket_flag socket_flag;
enum bind_flag bind_flag;
enum injection injection;
enum ptrace_flag ptrace_flag;
enum module_flag module_flag;
enum file_flag file_flag;
