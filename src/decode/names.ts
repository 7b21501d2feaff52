// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';

/**
 * What the network stack, module signatures and bpf(2) answer and Node has no constant for
 * (include/uapi/asm-generic/errno.h; ENOTSUPP is the kernel's own, and escapes from bpf(2)).
 */
const MORE_ERRNOS = {
  ENONET: 64,
  ENOPKG: 65,
  ESOCKTNOSUPPORT: 94,
  EPFNOSUPPORT: 96,
  ESHUTDOWN: 108,
  EHOSTDOWN: 112,
  EREMOTEIO: 121,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
  ENOTSUPP: 524,
};

/** errno names by number as `error.type` uses them: the kernel's own (EAGAIN, not EWOULDBLOCK; EOPNOTSUPP, not ENOTSUP). */
export const ERRNO_NAMES: ReadonlyMap<number, string> = first(
  { ...constants.errno, ...MORE_ERRNOS },
  (name) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP',
);

/** Signal names by number (SIGABRT, not SIGIOT; SIGIO, not SIGPOLL). */
export const SIGNAL_NAMES: ReadonlyMap<number, string> = first(
  constants.signals,
  (name) => name !== 'SIGIOT' && name !== 'SIGPOLL' && name !== 'SIGUNUSED',
);

function first(table: object, wanted: (name: string) => boolean): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const [name, number] of Object.entries(table) as [string, number][]) {
    if (wanted(name) && !names.has(number)) names.set(number, name);
  }
  return names;
}

/** `/dev/…` of a controlling terminal, from major << 20 | minor (Documentation/admin-guide/devices.txt). */
export function ttyPath(device: number): string | undefined {
  if (device === 0) return undefined;
  const major = device >>> 20;
  const minor = device & 0xfffff;
  if (major >= 136 && major <= 143) return `/dev/pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `/dev/tty${minor}` : `/dev/ttyS${minor - 64}`;
  if (major === 5 && minor === 1) return '/dev/console';
  if (major === 204) return minor >= 64 && minor < 80 ? `/dev/ttyAMA${minor - 64}` : `tty:${major}:${minor}`;
  if (major === 229) return `/dev/hvc${minor}`;
  return `tty:${major}:${minor}`;
}
