// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { fileKey, kernelDevice, mountDevice } from '../../../src/sensor/file-key.ts';

const TABLE = `24 1 254:0 / / rw,relatime - ext4 /dev/root rw
240 24 0:49 / /mnt rw - overlay overlay rw,lowerdir=/a,upperdir=/b
`;

describe('the key of a file', () => {
  it('has the device of the mount that the file is in', () => {
    assert.equal(mountDevice(TABLE, '24'), 254 << 20);
    assert.equal(mountDevice(TABLE, '240'), 49);
    assert.equal(mountDevice(TABLE, '2'), undefined);
    assert.equal(mountDevice(TABLE, ''), undefined);
  });

  it('has the device as the kernel writes it, in 32 bits without a sign', () => {
    assert.equal(mountDevice('7 1 4095:1048575 / / rw - x x rw', '7'), 0xffffffff);
    assert.equal(kernelDevice(0xfe00n), 254 << 20);
    assert.equal(kernelDevice((1n << 20n) | 0x0831n), (8 << 20) | 0x131);
  });

  it('has the inode of what a path leads to, through symbolic links', () => {
    assert.equal(fileKey('/proc/self/exe').inode, statSync(process.execPath, { bigint: true }).ino);
  });

  it('is not had of what is not there', () => {
    assert.throws(() => fileKey('/nonexistent'), { code: 'ENOENT' });
  });
});
