// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names each record once, so that its BTF exists; compiled with -Wpadded -Werror, read by gen-layout.ts. */
#include "events.h"

struct process_exec process_exec;
struct process_fork process_fork;
struct process_exit process_exit;
struct network_connect network_connect;
struct file_change file_change;
struct counters counters;
enum event_type event_type;
enum program program;
enum exec_flag exec_flag;
enum connect_flag connect_flag;
enum file_flag file_flag;
