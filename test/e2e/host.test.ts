// SPDX-License-Identifier: Apache-2.0
// Hosts that lack something: what ends the run, with which exit code, and what it goes on without.
import assert from 'node:assert/strict';
import { eventDefinitions } from '../../src/events/index.ts';
import { Cli, type CliOptions, cleanUp, runCli } from '../support/cli.ts';
import { closedPort } from '../support/deeds.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { inOwnCgroup, withMounts } from '../support/private.ts';
import { Shell } from '../support/shell.ts';

const HIDE_CGROUPS = 'umount --recursive /sys/fs/cgroup';

describe('a host', function () {
  this.timeout('60s');
  let shell: Shell;

  before(needsKernel);

  beforeEach(() => {
    shell = new Shell();
  });

  afterEach(() => shell?.end());

  cleanUp();

  /** It still sees an exec; what it says at the start. */
  async function works(options: CliOptions): Promise<string> {
    const cli = await new Cli(['--tree', `${shell.pid}`], options).ready();
    await shell.run('/bin/true here');
    const { code, stdout, stderr, errors } = await cli.stop();
    assert.deepEqual([code, errors], [0, []]);
    assert.match(stdout, / process\.exec .* \/bin\/true here$/m);
    return stderr;
  }

  /** Ends with one line on stderr. */
  async function ends(
    code: number,
    message: RegExp,
    args: readonly string[],
    options: CliOptions = {},
  ): Promise<void> {
    const end = await runCli(args, options);
    assert.match(end.stderr, /^error: [^\n]*\n$/);
    assert.match(end.stderr.trimEnd(), message);
    assert.deepEqual([end.code, end.stdout], [code, '']);
  }

  it('where we are not root ends a run with one line and 77', async function () {
    const wrap = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    needsCommand(this, wrap[0]!, ...wrap.slice(1), 'true');
    await ends(
      77,
      /^error: the kernel refuses BPF: run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN$/,
      [],
      { wrap },
    );
  });

  it('without BTF ends a run with one line and 69', async function () {
    const wrap = withMounts(this, 'mount -t tmpfs none /sys/kernel/btf');
    await ends(69, /^error: this kernel has no BTF .*CONFIG_DEBUG_INFO_BTF$/, [], { wrap });
  });

  it('where the BPF object is of somebody else ends a run with one line and 65', async () => {
    await ends(65, /^error: .*not a BPF object/, ['--bpf-object', '/bin/true']);
    await ends(66, /^error: ENOENT.*nowhere\.o/, ['--bpf-object', '/nowhere.o']);
  });

  it('without tracefs is watched all the same', async function () {
    const script = 'for at in /sys/kernel/tracing /sys/kernel/debug; do mount -t tmpfs none $at; done';
    await works({ wrap: withMounts(this, script) });
  });

  it('without CAP_SYS_RESOURCE is watched all the same', async function () {
    const wrap = ['setpriv', '--bounding-set', '-sys_resource'];
    needsCommand(this, wrap[0]!, ...wrap.slice(1), 'true');
    await works({ wrap });
  });

  it('without a cgroup2 mount is watched whole: the agent makes one for itself', async function () {
    const stderr = await works({ wrap: withMounts(this, HIDE_CGROUPS) });
    assert.doesNotMatch(stderr, /^warning: /m);
    assert.match(stderr, /^ {2}network\.connect .*\bcgroup\/connect4\b/m);
  });

  it('of which no cgroup2 can be had is watched without connections, and that is said', async function () {
    needsCommand(this, 'setpriv', '--bounding-set', '-sys_admin', 'true');
    const script = `${HIDE_CGROUPS}; set -- setpriv --bounding-set -sys_admin "$@"`;
    const stderr = await works({ wrap: withMounts(this, script) });
    assert.match(
      stderr,
      /^warning: network\.connect: without network_connect4, .* \(no cgroup2 .*\); try `doctor`$/m,
    );
    assert.match(stderr, /^warning: connect, dns: not seen \(.*\)$/m);
  });

  it('is found from within a cgroup namespace, or it is said that only the container is watched', async function () {
    needsCommand(this, 'unshare', '--cgroup', 'true');
    const { wrap, cleanUp } = inOwnCgroup(this);
    try {
      const inNamespace = [...wrap, 'unshare', '--cgroup'];
      assert.doesNotMatch(await works({ wrap: inNamespace }), /^warning: /m);
      const hidden = await works({ wrap: [...inNamespace, ...withMounts(this, HIDE_CGROUPS)] });
      assert.doesNotMatch(hidden, /not seen/);
      if (/^warning: /m.test(hidden))
        assert.match(hidden, /^warning: connect, dns: this container only \(.*\)$/m);
    } finally {
      cleanUp();
    }
  });
});

describe('doctor', function () {
  this.timeout('60s');

  before(needsKernel);
  cleanUp();

  const check = async (args: readonly string[], options: CliOptions = {}) => {
    const { code, stdout, stderr } = await runCli(['doctor', ...args], options);
    assert.equal(stderr, '');
    for (const line of stdout.trimEnd().split('\n')) {
      assert.match(line, /^(ok|!!|--| {2}) /);
      assert.ok(line.length <= 100, line);
    }
    return { code, stdout };
  };

  it('ends with 0 where nothing is wrong, and names the hooks of every event and the receiver', async () => {
    const sink = await OtlpSink.start();
    const { code, stdout } = await check(['--endpoint', sink.url]);
    await sink.close();
    assert.equal(code, /^!!/m.test(stdout) ? 69 : 0, stdout);
    assert.match(stdout, /^ok {2}process\.exit +tp_btf\/sched_process_exit$/m);
    for (const { name } of eventDefinitions({ redact: true }).filter(({ offByDefault }) => !offByDefault))
      assert.match(stdout, new RegExp(`^.. {2}${name.replace('agentsmith.', '')} +\\S`, 'm'));
    assert.ok(stdout.includes(sink.url));
  });

  it('ends with 69 where nobody listens at the endpoint, and says what to do', async () => {
    const { code, stdout } = await check(['--endpoint', `http://127.0.0.1:${await closedPort()}`]);
    assert.equal(code, 69);
    assert.match(
      stdout,
      /^!! {2}receiver +http:\/\/127\.0\.0\.1:\d+ refuses connections[^→]*\n +→ correct that, or give another receiver/m,
    );
  });

  it('ends with 69 where something else than an OTLP receiver listens', async () => {
    const sink = await OtlpSink.start();
    sink.respond(() => ({ httpStatus: 200 }));
    const { code, stdout } = await check(['--endpoint', sink.url]);
    await sink.close();
    assert.equal(code, 69);
    assert.match(stdout, /^!! {2}receiver /m);
  });

  it('ends with 69 without BTF, and says what to do', async function () {
    const wrap = withMounts(this, 'mount -t tmpfs none /sys/kernel/btf');
    const { code, stdout } = await check([], { wrap });
    assert.equal(code, 69);
    assert.match(stdout, /^!! {2}btf +no \/sys\/kernel\/btf\/vmlinux\n +→ /m);
  });

  it('ends with 69 for who is not root, and says what to do', async function () {
    const wrap = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    needsCommand(this, wrap[0]!, ...wrap.slice(1), 'true');
    const { code, stdout } = await check([], { wrap });
    assert.equal(code, 69);
    assert.match(stdout, /^!! {2}capabilities +.*\n +→ run as root/m);
  });
});
