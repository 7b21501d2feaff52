// SPDX-License-Identifier: Apache-2.0
import { ExecFlag, processExec } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import { Recurring } from '../decode/recurring.ts';
import { decodeText, nameOf, needsEscape, PathText } from '../decode/text.ts';

/** What a process runs since an exec. Processes that run the same may share it: it does not change. */
export interface Image {
  readonly path: string;
  /** Last component of the path. */
  readonly name: string;
  readonly escaped: boolean;
  readonly memfd: boolean;
  readonly deleted: boolean;
  /** Path and name as attributes (own-rows.ts), for an image that is remembered. */
  rows: Uint8Array | undefined;
  readonly isKept: boolean;
}

/** Bytes of a path that is remembered: hardly a program has a longer one, and it bounds what all of them take. */
export const KEPT_MAX = 512;
/** Most execs are of a program that ran before. So many are remembered, each of 8 KiB at the worst (every byte escaped). */
const images = new Recurring<Image>(1024, KEPT_MAX);

const { MEMFD, DELETED } = ExecFlag;

/** The image that an introduction or exec record tells of; undefined when it has no path. */
export function imageOf(event: RawEvent): Image | undefined {
  const start = event.textStart(processExec.executable);
  const size = event.textLength(processExec.executable);
  const flags = event.u32(processExec.flags);
  // Both are rare, and then the path alone would not tell which image it is.
  const isUsual = (flags & (MEMFD | DELETED)) === 0;
  const found = isUsual ? images.find(event.view, start, size) : undefined;
  if (found) return found;
  const length = PathText.turn(event.bytes, start, size);
  if (length === 0) return undefined;
  const path = decodeText(PathText.bytes, 0, length);
  const isKept = isUsual && images.isWanted;
  const image: Image = {
    path,
    name: nameOf(path),
    escaped: needsEscape(PathText.bytes, 0, length),
    memfd: (flags & MEMFD) !== 0,
    deleted: (flags & DELETED) !== 0,
    rows: undefined,
    isKept,
  };
  if (isKept) images.keep(event.view, start, size, image);
  return image;
}
