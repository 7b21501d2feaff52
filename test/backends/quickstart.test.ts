// SPDX-License-Identifier: Apache-2.0
// examples/quickstart: the script with real servers, the compose file with Compose's own reader.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dashboards } from '../../examples/grafana/src/dashboards.ts';
import { checkOrphans } from '../support/bpf.ts';
import { buildCollector } from '../support/collector.ts';
import { pruned, readConfig, shippedConfig } from '../support/collector-config.ts';
import { eventually } from '../support/eventually.ts';
import { inFolder } from '../support/folder.ts';
import { buildGo } from '../support/go-build.ts';
import { buildLoki } from '../support/loki.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import { freePorts } from '../support/ports.ts';
import { fetchPrometheus } from '../support/prometheus.ts';
import { repository } from '../support/repository.ts';
import { answers } from '../support/server.ts';
import { Shell } from '../support/shell.ts';
import { orSkip } from '../support/skip.ts';

const folder = join(repository, 'examples/quickstart');
const script = join(folder, 'quickstart.sh');

describe('examples/quickstart/quickstart.sh', function () {
  this.timeout('45m');
  let child: ChildProcess | undefined;

  before(needsKernel);
  // It ends what it has started, also when the test has failed.
  afterEach(async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  after(checkOrphans);

  it('starts what is installed, sends it what happens, and ends all of it', async function () {
    needsCommand(this, 'curl', '--version');
    const binary = orSkip(this, await buildCollector());
    const loki = orSkip(this, await buildLoki());
    const { prometheus } = orSkip(this, await fetchPrometheus());
    const shell = new Shell();
    await inFolder(async (dir) => {
      const config = join(dir, 'collector.yaml');
      await writeFile(config, (await pruned(await readConfig(shippedConfig), binary)).text);
      const agent = join(dir, 'agentsmith-otel');
      const cli = join(repository, 'build/src/cli.js');
      await writeFile(agent, `#!/bin/sh\nexec ${process.execPath} ${cli} "$@"\n`, { mode: 0o755 });
      const [grpc, http, health, lokiPort, prometheusPort] = await freePorts(5);
      child = spawn(script, ['--tree', `${shell.pid}`, '--metrics-interval', '1s'], {
        env: {
          PATH: process.env.PATH,
          HOME: dir,
          AGENTSMITH: agent,
          OTELCOL: binary,
          LOKI: loki,
          PROMETHEUS: prometheus,
          COLLECTOR_CONFIG: config,
          GRPC_PORT: `${grpc}`,
          HTTP_PORT: `${http}`,
          HEALTH_PORT: `${health}`,
          LOKI_PORT: `${lokiPort}`,
          PROMETHEUS_PORT: `${prometheusPort}`,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A process group of its own, which gets Ctrl-C as a terminal's does.
        detached: true,
      });
      let said = '';
      for (const stream of [child.stdout!, child.stderr!])
        stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      const until = async (what: string, isSo: () => boolean) => {
        await eventually(() => isSo() || child!.exitCode !== null, 120_000);
        assert.ok(isSo(), `${what}; it said:\n${said}`);
      };
      await until('the agent is not ready', () => /^stop: Ctrl-C/m.test(said));
      const lokiUrl = `http://127.0.0.1:${lokiPort}`;
      const prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
      for (const url of [lokiUrl, prometheusUrl, `http://127.0.0.1:${grpc}`])
        assert.ok(said.includes(url), said);

      await shell.run('/bin/true the-deed');
      const query = encodeURIComponent('{service_name="agentsmith-otel"} |= "the-deed"');
      await answered(`${lokiUrl}/loki/api/v1/query_range?query=${query}`);
      await answered(`${prometheusUrl}/api/v1/query?query=agentsmith_sensor_event_exported_total`);
      assert.ok(existsSync(join(dir, '.local/state/agentsmith-quickstart/agentsmith-events.jsonl')));
      // The rules of examples/grafana are loaded.
      const rules = await (await fetch(`${prometheusUrl}/api/v1/rules`)).text();
      assert.match(rules, /AgentsmithAgentSilent/);

      process.kill(-child.pid!, 'SIGINT');
      const [code] = await once(child, 'exit');
      assert.equal(code, 130, said);
      assert.match(said, /^\d+ delivered, \d+ filtered, 0 lost/m);
      assert.doesNotMatch(said, /killed|no such setting/);
      for (const url of [`${lokiUrl}/ready`, `${prometheusUrl}/-/ready`, `http://127.0.0.1:${health}/`])
        await assert.rejects(answers(url), url);
    }).finally(() => shell.end());
  });

  it('says what is missing', () => {
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', OTELCOL: '' };
    const { status, stderr } = spawnSync(script, { env, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /^quickstart: there is no Collector: install otelcol-contrib/m);
  });
});

/** The query finds something. */
async function answered(url: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const { data } = (await (await fetch(url)).json()) as { data: { result: unknown[] } };
    if (data.result.length > 0) return;
    if (performance.now() > deadline) throw new Error(`${url} finds nothing`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Project {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image: string;
        readonly ports: readonly { readonly host_ip?: string }[];
        readonly volumes: readonly { readonly type: string; readonly source: string }[];
      }
    >
  >;
}

describe('examples/quickstart/compose.yaml', function () {
  this.timeout('20m');

  it('is a project as Compose reads it: what it mounts is there, ports are of this host alone', async function () {
    const compose = await buildGo({
      name: "Compose's reader",
      program: 'compose-check',
      sources: join(repository, 'test/compose'),
      minutes: '1',
    });
    const program = orSkip(this, compose);
    const { stdout } = await promisify(execFile)(program, [join(folder, 'compose.yaml')]);
    const { services } = JSON.parse(stdout) as Project;
    assert.deepEqual(Object.keys(services).sort(), ['collector', 'grafana', 'loki', 'prometheus']);
    for (const [name, { image, ports, volumes }] of Object.entries(services)) {
      assert.match(image, /:v?\d+\.\d+\.\d+$/, name);
      for (const { host_ip } of ports) assert.equal(host_ip, '127.0.0.1', name);
      for (const { type, source } of volumes) if (type === 'bind') assert.ok(existsSync(source), source);
    }
    const mounted = services.grafana!.volumes.map(({ source }) => source);
    for (const path of dashboards().keys()) assert.ok(mounted.includes(join(repository, path)), path);
    await inFolder(async (dir) => {
      const text = await readFile(join(folder, 'compose.yaml'), 'utf8');
      await writeFile(join(dir, 'compose.yaml'), text.replace('depends_on', 'depend_on'));
      await assert.rejects(promisify(execFile)(program, [join(dir, 'compose.yaml')]), /depend_on/);
    });
  });
});
