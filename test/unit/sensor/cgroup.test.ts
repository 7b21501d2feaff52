// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cgroup2Mounts, findCgroupRoot, isMemoryV1 } from '../../../src/sensor/cgroup.ts';

const HYBRID =
  '38 31 0:35 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n';

/** A machine: which inode each way leads to; a way that is absent is refused. Counts what stays open. */
class Machine {
  readonly open = new Map<number, bigint>();
  namespace: 'own' | 'host' = 'own';
  readonly #ways: { mounted?: bigint; detached?: bigint; host?: bigint };
  #next = 3;

  constructor(ways: { mounted?: bigint; detached?: bigint; host?: bigint }) {
    this.#ways = ways;
  }

  find() {
    return findCgroupRoot(
      {
        openCgroup2: () =>
          this.#give(this.namespace === 'own' ? this.#ways.detached : this.#ways.host, 'fsopen: EPERM'),
        setCgroupNamespace: (fd) => {
          this.namespace = this.open.get(fd) === 100n ? 'own' : 'host';
        },
      },
      {
        readMountinfo: () => (this.#ways.mounted === undefined ? '' : HYBRID),
        open: (path) => {
          if (path === '/proc/thread-self/ns/cgroup') return this.#give(100n, '');
          if (path === '/proc/1/ns/cgroup') return this.#give(this.#ways.host && 200n, 'open: EACCES');
          return this.#give(this.#ways.mounted, 'open: ENOENT');
        },
        inode: (fd) => this.open.get(fd)!,
        close: (fd) => assert.ok(this.open.delete(fd)),
      },
    );
  }

  #give(inode: bigint | undefined, refusal: string): number {
    if (inode === undefined) throw new Error(refusal);
    this.open.set(this.#next, inode);
    return this.#next++;
  }
}

describe('findCgroupRoot', () => {
  const cases = [
    [{ mounted: 1n }, 'host', /^mounted at \/sys\/fs\/cgroup\/unified$/],
    [{ detached: 1n }, 'host', /^detached mount$/],
    [{ mounted: 77n, detached: 1n }, 'host', /^detached mount$/],
    [{ mounted: 77n, detached: 78n, host: 1n }, 'host', /host's cgroup namespace/],
    [{ mounted: 77n, detached: 78n, host: 79n }, 'container', /^mounted/],
    [{ detached: 78n }, 'container', /^detached mount$/],
    [{ mounted: 77n }, 'container', /^mounted/],
    [{}, 'none', /fsopen: EPERM; .*open: EACCES/],
  ] as const;

  for (const [ways, scope, how] of cases) {
    const text = JSON.stringify(ways, (_, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    it(`finds the root of scope ${scope} where the inodes are ${text}, and leaves nothing else open`, () => {
      const machine = new Machine(ways);
      const root = machine.find();
      assert.equal(root.scope, scope);
      assert.match(root.how, how);
      assert.deepEqual([...machine.open.keys()], scope === 'none' ? [] : [root.fd]);
      assert.equal(machine.namespace, 'own');
    });
  }
});

describe('isMemoryV1', () => {
  const HEAD = '#subsys_name\thierarchy\tnum_cgroups\tenabled\n';

  it('is true where memory has a hierarchy of its own', () => {
    assert.equal(isMemoryV1(`${HEAD}cpuset\t0\t9\t1\nmemory\t12\t87\t1\n`), true);
  });

  it('is false where memory belongs to v2, is not mounted or is not listed', () => {
    assert.equal(isMemoryV1(`${HEAD}cpuset\t3\t9\t1\nmemory\t0\t87\t1\n`), false);
    assert.equal(isMemoryV1(`${HEAD}cpuset\t3\t9\t1\n`), false);
    assert.equal(isMemoryV1(''), false);
  });
});

describe('cgroup2Mounts', () => {
  it('finds mount points with optional fields and escapes', () => {
    assert.deepEqual(cgroup2Mounts(HYBRID), ['/sys/fs/cgroup/unified']);
    assert.deepEqual(cgroup2Mounts('1 2 0:3 /../.. /mnt/a\\040b rw - cgroup2 none rw'), ['/mnt/a b']);
  });

  it('reads any text', () => {
    const piece = fc.constantFrom('1 2 0:3 / /a rw', ' - ', 'cgroup2 ', '\n', '\\040', '\\9', ' ', 'x');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        assert.ok(cgroup2Mounts(pieces.join('')).length <= 16);
      }),
    );
  });
});
