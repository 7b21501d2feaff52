// SPDX-License-Identifier: Apache-2.0
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { agentHealth } from './health.ts';
import { hostActivity } from './host.ts';
import { oneProcess } from './process.ts';

/** The dashboards by the files that hold them, for Grafana to import or to provision. */
export const dashboards = (): ReadonlyMap<string, Dashboard> =>
  new Map([
    ['examples/grafana/host-activity.json', hostActivity().build()],
    ['examples/grafana/one-process.json', oneProcess().build()],
    ['examples/grafana/agent-health.json', agentHealth().build()],
  ]);
