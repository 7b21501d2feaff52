// SPDX-License-Identifier: Apache-2.0
// What waits for parts that are not there yet.
import { untried } from '../support/trick.ts';

untried(
  35,
  'a false container: host name, environment, cgroup or directory that only look like one',
  'no record names a container yet',
);
untried(
  37,
  'the agent is stopped, killed or starved',
  'there is no watchdog yet; while it does not run, records wait in the ring, and what finds no room is counted',
);
untried(
  39,
  'a rootkit: hidden modules, hooked system calls, BPF programs that change what is read',
  'the kernel is not checked for integrity yet',
);
untried(40, 'a file that is changed behind the part that was hashed', 'no file is hashed yet');
untried(
  41,
  'mounts over the agent’s own files, and chroot',
  'mounts are told (34), but whose files they cover is not looked at yet; paths from within a chroot are told from the host’s root',
);
untried(
  42,
  'a kernel whose tracing is missing or locked down',
  'needs a kernel that is built so; what is not attached is told when the agent starts',
);
