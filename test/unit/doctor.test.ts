// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { doctor, type Probes } from '../../src/doctor.ts';

const CAPABLE = 'Name:\tnode\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n';

function machine(changes: Partial<Probes> = {}, files: Record<string, string | undefined> = {}): Probes {
  const texts: Record<string, string | undefined> = {
    '/proc/self/status': CAPABLE,
    '/sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
    '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n',
    ...files,
  };
  return {
    kernelRelease: () => '6.1.0-13-amd64',
    readText: (path) => texts[path],
    readLink: () => 'pid:[4026531836]',
    exists: () => true,
    cgroupRoot: () => ({ fd: 5, scope: 'host', how: 'mounted at /sys/fs/cgroup' }),
    trampolines: () => false,
    loadSensor: () => ({
      events: [
        {
          name: 'agentsmith.network.connect',
          hooks: [
            { program: 'network_connect4', hook: 'cgroup/connect4', error: '' },
            { program: 'network_connect6', hook: 'cgroup/connect6', error: '' },
          ],
        },
      ],
      close() {},
    }),
    receiver: { url: 'http://localhost:4317', check: async () => {} },
    ...changes,
  };
}

/** The lines that begin with `!!`, each with what to do. */
async function complaints(probes: Probes): Promise<string[]> {
  const { lines, ok } = await doctor(probes);
  const found = lines
    .join('\n')
    .split(/\n(?=ok|!!|--)/)
    .filter((each) => each.startsWith('!!'));
  assert.equal(ok, found.length === 0);
  for (const each of found) assert.match(each, /→ \S/);
  return found.map((each) => each.replaceAll(/\s+/g, ' '));
}

const refused = (code: string, message: string) => () => {
  throw Object.assign(new Error(message), { code });
};

describe('doctor', () => {
  it('finds nothing to complain of where all is well', async () => {
    assert.deepEqual(await doctor(machine()), {
      ok: true,
      lines: [
        'ok  kernel                    6.1.0-13-amd64',
        'ok  btf                       /sys/kernel/btf/vmlinux',
        'ok  capabilities              CAP_SYS_ADMIN includes all that is needed',
        'ok  lockdown                  none',
        "ok  pid namespace             the host's",
        "ok  cgroup root               the host's, mounted at /sys/fs/cgroup",
        '--  tier                      B: no BPF trampolines; exec, exit and connect do not need them',
        'ok  network.connect           cgroup/connect4 cgroup/connect6',
        'ok  user names                /etc/passwd',
        'ok  receiver                  http://localhost:4317',
      ],
    });
  });

  const cases: readonly (readonly [what: string, probes: Probes, expected: RegExp])[] = [
    [
      'an old kernel',
      machine({ kernelRelease: () => '5.9.16' }),
      /kernel 5.9.16 is older than 5.10 → use Linux 5.10/,
    ],
    [
      'a kernel without BTF',
      machine({ exists: () => false }),
      /no \/sys\/kernel\/btf\/vmlinux → .*CONFIG_DEBUG_INFO_BTF/,
    ],
    [
      'missing capabilities',
      machine({}, { '/proc/self/status': 'CapEff:\t0000008000000000\n' }),
      /CAP_PERFMON, CAP_NET_ADMIN missing → run as root/,
    ],
    ['no /proc', machine({}, { '/proc/self/status': undefined }), /mount \/proc/],
    [
      'lockdown',
      machine({}, { '/sys/kernel/security/lockdown': 'none integrity [confidentiality]' }),
      /lockdown confidentiality/,
    ],
    [
      'another pid namespace',
      machine({ readLink: () => 'pid:[4026532200]' }),
      /not the host's.*hostPID: true/,
    ],
    [
      'a cgroup namespace',
      machine({ cgroupRoot: () => ({ fd: 5, scope: 'container', how: 'detached mount' }) }),
      /connect, dns: this container only \(detached mount\)/,
    ],
    [
      'no cgroup2',
      machine({ cgroupRoot: () => ({ fd: -1, scope: 'none', how: 'fsopen: ENODEV' }) }),
      /none: fsopen: ENODEV/,
    ],
    [
      'no permission',
      machine({ loadSensor: refused('EPERM', 'Operation not permitted') }),
      /hooks Operation not permitted → run as root/,
    ],
    [
      'a foreign object',
      machine({ loadSensor: refused('ENOLAYOUT', 'another events.h') }),
      /another events.h → .*one build/,
    ],
    ['an unknown failure', machine({ loadSensor: refused('EWHAT', 'odd') }), /hooks odd → report this line/],
    [
      'a hook that this kernel lacks',
      machine({
        loadSensor: () => ({
          events: [
            {
              name: 'agentsmith.network.connect',
              hooks: [
                { program: 'network_connect4', hook: 'cgroup/connect4', error: 'no such hook' },
                { program: 'network_connect6', hook: 'cgroup/connect6', error: '' },
              ],
            },
          ],
          close() {},
        }),
      }),
      /network.connect without network_connect4: no such hook → all else works/,
    ],
    [
      'a receiver that is away',
      machine({
        receiver: { url: 'x', check: () => Promise.reject(new Error('http://h:4317 refuses connections')) },
      }),
      /receiver http:\/\/h:4317 refuses connections/,
    ],
  ];
  for (const [what, probes, expected] of cases) {
    it(`fails because of ${what}, and says what to do`, async () => {
      const found = await complaints(probes);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, expected);
    });
  }

  it('takes the three capabilities for enough, and lacking names, tier or receiver for no failure', async () => {
    const { receiver, ...probes } = machine(
      { trampolines: refused('EPERM', 'no') },
      {
        '/proc/self/status': 'CapEff:\t000000c000001000\n',
        '/etc/passwd': undefined,
        '/sys/kernel/security/lockdown': undefined,
      },
    );
    assert.ok(receiver);
    assert.deepEqual(await complaints(probes), []);
  });

  it('closes what it loaded', async () => {
    let closed = 0;
    await doctor(machine({ loadSensor: () => ({ events: [], close: () => closed++ }) }));
    assert.equal(closed, 1);
  });

  it('keeps to 100 columns whatever the kernel says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ maxLength: 400 }),
        fc.string({ maxLength: 40 }),
        async (error, release) => {
          const loadSensor = () => ({
            events: [{ name: 'process.exec', hooks: [{ program: 'process_exec', hook: 'tp_btf/x', error }] }],
            close() {},
          });
          const { lines } = await doctor(machine({ loadSensor, kernelRelease: () => release }));
          for (const line of lines) assert.ok(line.length <= 100 && !line.includes('\n'), line);
        },
      ),
      { numRuns: 500 },
    );
  });
});
