// SPDX-License-Identifier: Apache-2.0

/*
 * Every attribute name, in this order: stable ones of OpenTelemetry, copies of its unstable ones under upstream's
 * names (the package may move them in a minor version; a unit test compares), and our own.
 */
export {
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_LOCAL_ADDRESS,
  ATTR_NETWORK_LOCAL_PORT,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_TRANSPORT,
  ATTR_NETWORK_TYPE,
} from '@opentelemetry/semantic-conventions';

export const ATTR_DNS_ANSWERS = 'dns.answers';
export const ATTR_DNS_QUESTION_NAME = 'dns.question.name';
export const ATTR_FILE_INODE = 'file.inode';
export const ATTR_FILE_MODE = 'file.mode';
export const ATTR_FILE_OWNER_ID = 'file.owner.id';
export const ATTR_FILE_PATH = 'file.path';
export const ATTR_FILE_SYMBOLIC_LINK_TARGET_PATH = 'file.symbolic_link.target_path';
export const ATTR_PROCESS_ARGS_COUNT = 'process.args_count';
export const ATTR_PROCESS_COMMAND_ARGS = 'process.command_args';
export const ATTR_PROCESS_CREATION_TIME = 'process.creation.time';
export const ATTR_PROCESS_EXECUTABLE_NAME = 'process.executable.name';
export const ATTR_PROCESS_EXECUTABLE_PATH = 'process.executable.path';
export const ATTR_PROCESS_EXIT_CODE = 'process.exit.code';
export const ATTR_PROCESS_GROUP_LEADER_PID = 'process.group_leader.pid';
export const ATTR_PROCESS_INTERACTIVE = 'process.interactive';
export const ATTR_PROCESS_PARENT_PID = 'process.parent_pid';
export const ATTR_PROCESS_PID = 'process.pid';
export const ATTR_PROCESS_REAL_USER_ID = 'process.real_user.id';
export const ATTR_PROCESS_REAL_USER_NAME = 'process.real_user.name';
export const ATTR_PROCESS_SAVED_USER_ID = 'process.saved_user.id';
export const ATTR_PROCESS_SESSION_LEADER_PID = 'process.session_leader.pid';
export const ATTR_PROCESS_USER_ID = 'process.user.id';
export const ATTR_PROCESS_USER_NAME = 'process.user.name';
export const ATTR_PROCESS_VPID = 'process.vpid';
export const ATTR_PROCESS_WORKING_DIRECTORY = 'process.working_directory';
export const ATTR_THREAD_ID = 'thread.id';
export const ATTR_THREAD_NAME = 'thread.name';
/** `process.environment_variable.<NAME>` */
export const ATTR_PROCESS_ENVIRONMENT_VARIABLE = (name: string): string =>
  `process.environment_variable.${name}`;

export const AUDIT_LOGIN_USER_ID = 'agentsmith.audit.login_user.id';
export const AUDIT_SESSION_ID = 'agentsmith.audit.session.id';
export const BPF_PROGRAM_ID = 'agentsmith.bpf.program.id';
export const BPF_PROGRAM_NAME = 'agentsmith.bpf.program.name';
export const BPF_PROGRAM_TYPE = 'agentsmith.bpf.program.type';
export const CGROUP_ID = 'agentsmith.cgroup.id';
export const CONNECT_DURATION = 'agentsmith.network.connect.duration';
export const CONNECT_ID = 'agentsmith.network.connect.id';
export const CONNECT_PENDING = 'agentsmith.network.connect.pending';
export const CONNECT_RESULT = 'agentsmith.network.connect.result';
export const CONNECT_UNCONNECTED = 'agentsmith.network.connect.unconnected';
export const CREDENTIAL_OLD_CAPABILITIES = 'agentsmith.process.credential.old.capabilities';
export const CREDENTIAL_OLD_GROUP_ID = 'agentsmith.process.credential.old.group.id';
export const CREDENTIAL_OLD_PERMITTED = 'agentsmith.process.credential.old.permitted_capabilities';
export const CREDENTIAL_OLD_REAL_USER_ID = 'agentsmith.process.credential.old.real_user.id';
export const CREDENTIAL_OLD_USER_ID = 'agentsmith.process.credential.old.user.id';
export const DATA_TYPE = 'agentsmith.data_type';
export const DNS_DURATION = 'agentsmith.dns.duration';
export const DNS_EDNS_UDP_SIZE = 'agentsmith.dns.edns.udp_size';
export const DNS_ID = 'agentsmith.dns.id';
export const DNS_MALFORMED = 'agentsmith.dns.malformed';
export const DNS_MESSAGE_SIZE = 'agentsmith.dns.message.size';
export const DNS_MESSAGE_TRUNCATED = 'agentsmith.dns.message.truncated';
export const DNS_OP_CODE = 'agentsmith.dns.op_code';
export const DNS_QUESTION_TYPE = 'agentsmith.dns.question.type';
export const DNS_RESPONSE_CODE = 'agentsmith.dns.response_code';
export const DNS_TRUNCATED = 'agentsmith.dns.truncated';
export const DNS_TYPE = 'agentsmith.dns.type';
export const ENTITY_DESCRIPTION = 'entity.description';
export const ENTITY_ID = 'entity.id';
export const ENTITY_REPORT_INTERVAL = 'entity.report.interval';
export const ENTITY_TYPE = 'entity.type';
export const ESCAPED = 'agentsmith.escaped';
export const EVENT_CPU = 'agentsmith.event.cpu';
export const EVENT_HOOK = 'agentsmith.event.hook';
export const EVENT_SEQUENCE = 'agentsmith.event.sequence';
export const FILE_OLD_PATH = 'agentsmith.file.old_path';
export const FILE_UNRESOLVED = 'agentsmith.file.unresolved';
export const GAP_COUNT = 'agentsmith.gap.count';
export const GAP_END = 'agentsmith.gap.end';
export const GAP_EVENT = 'agentsmith.gap.event';
export const GAP_REASON = 'agentsmith.gap.reason';
export const GAP_START = 'agentsmith.gap.start';
export const KEXEC_ACTION = 'agentsmith.kernel.kexec.action';
export const KEXEC_FROM_MEMORY = 'agentsmith.kernel.kexec.from_memory';
export const KEXEC_INITRD_PATH = 'agentsmith.kernel.kexec.initrd.path';
export const LEDGER_ATTEMPTED = 'agentsmith.ledger.attempted';
export const LEDGER_DROPPED = 'agentsmith.ledger.dropped';
export const LEDGER_EXPORTED = 'agentsmith.ledger.exported';
export const LEDGER_FILTERED = 'agentsmith.ledger.filtered';
export const MODULE_FROM_MEMORY = 'agentsmith.kernel.module.from_memory';
export const MODULE_NAME = 'agentsmith.kernel.module.name';
export const MODULE_SIGNED = 'agentsmith.kernel.module.signed';
export const MODULE_TAINTS = 'agentsmith.kernel.module.taints';
export const MOUNT_FLAGS = 'agentsmith.mount.flags';
export const MOUNT_OPERATION = 'agentsmith.mount.operation';
export const MOUNT_SOURCE = 'agentsmith.mount.source';
export const MOUNT_TYPE = 'agentsmith.mount.type';
export const NAMESPACE_CALL = 'agentsmith.namespace.call';
export const NAMESPACE_CHANGED = 'agentsmith.namespace.changed';
export const NAMESPACE_MNT = 'agentsmith.namespace.mnt.inode';
export const NAMESPACE_NET = 'agentsmith.namespace.net.inode';
export const NAMESPACE_PID = 'agentsmith.namespace.pid.inode';
export const NAMESPACE_USER = 'agentsmith.namespace.user.inode';
export const NAMESPACE_UTS = 'agentsmith.namespace.uts.inode';
export const NETWORK_MAPPED = 'agentsmith.network.mapped';
export const PARAMETER_NAME = 'agentsmith.kernel.parameter.name';
export const PARAMETER_OLD_VALUE = 'agentsmith.kernel.parameter.old_value';
export const PARAMETER_TRUNCATED = 'agentsmith.kernel.parameter.truncated';
export const PARAMETER_VALUE = 'agentsmith.kernel.parameter.value';
export const PROCESS_ANCESTRY = 'agentsmith.process.ancestry';
export const PROCESS_CAPABILITIES = 'agentsmith.process.capabilities';
export const PROCESS_CHILD_ID = 'agentsmith.process.child.id';
export const PROCESS_CHILD_PID = 'agentsmith.process.child.pid';
export const PROCESS_COMMAND_ARGS_SIZE = 'agentsmith.process.command_args.size';
export const PROCESS_COMMAND_ARGS_TRUNCATED = 'agentsmith.process.command_args.truncated';
export const PROCESS_CORE_DUMPED = 'agentsmith.process.core_dumped';
export const PROCESS_DURATION = 'agentsmith.process.duration';
export const PROCESS_ENVIRONMENT_TRUNCATED = 'agentsmith.process.environment.truncated';
export const PROCESS_EXECUTABLE_DELETED = 'agentsmith.process.executable.deleted';
export const PROCESS_EXECUTABLE_MEMFD = 'agentsmith.process.executable.memfd';
export const PROCESS_EXIT_SIGNAL = 'agentsmith.process.exit.signal';
export const PROCESS_GROUP_ID = 'agentsmith.process.group.id';
export const PROCESS_ID = 'agentsmith.process.id';
export const PROCESS_INTERPRETER_PATH = 'agentsmith.process.interpreter.path';
export const PROCESS_PARENT_ID = 'agentsmith.process.parent.id';
export const PROCESS_REAL_GROUP_ID = 'agentsmith.process.real_group.id';
export const PROCESS_PERMITTED_CAPABILITIES = 'agentsmith.process.permitted_capabilities';
export const PROCESS_SCRIPT_PATH = 'agentsmith.process.script.path';
export const PROCESS_STDERR_PATH = 'agentsmith.process.stderr.path';
export const PROCESS_STDIN_PATH = 'agentsmith.process.stdin.path';
export const PROCESS_STDOUT_PATH = 'agentsmith.process.stdout.path';
export const PROCESS_TTY = 'agentsmith.process.tty';
export const PTRACE_ADDRESS = 'agentsmith.ptrace.address';
export const PTRACE_DATA = 'agentsmith.ptrace.data';
export const PTRACE_REQUEST = 'agentsmith.ptrace.request';
export const PTRACE_REQUEST_CODE = 'agentsmith.ptrace.request_code';
export const PTRACE_TARGET_EXECUTABLE_PATH = 'agentsmith.ptrace.target.executable.path';
export const PTRACE_TARGET_PID = 'agentsmith.ptrace.target.pid';
export const REDACTED = 'agentsmith.redacted';
export const SENSOR_CHANGE_CAUSE = 'agentsmith.sensor.change.cause';
export const SENSOR_CHANGE_EVENT = 'agentsmith.sensor.change.event';
export const SENSOR_CHANGE_HOOK = 'agentsmith.sensor.change.hook';
export const SENSOR_HOOKS = 'agentsmith.sensor.hooks';
export const SENSOR_MISSING = 'agentsmith.sensor.missing';
export const SENSOR_TIER = 'agentsmith.sensor.tier';
export const SOCKET_FD = 'agentsmith.network.socket.fd';
export const SOCKET_PROTOCOL = 'agentsmith.network.socket.protocol';
export const SOCKET_TYPE = 'agentsmith.network.socket.type';
export const UNVERIFIED = 'agentsmith.unverified';
export const UTS_NODENAME = 'agentsmith.uts.nodename';
