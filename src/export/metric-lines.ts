// SPDX-License-Identifier: Apache-2.0
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';

/** Metrics for people: a line for each data point, `name{key=value} 12 {unit}`. */
export function metricLines({ scopeMetrics }: ResourceMetrics): string {
  const lines: string[] = [];
  for (const { metrics } of scopeMetrics) {
    for (const metric of metrics) {
      for (const { value, attributes } of metric.dataPoints) {
        const labels = Object.entries(attributes).map(([key, of]) => `${key}=${String(of)}`);
        const shown =
          typeof value === 'number' ? `${value}` : histogram(value as { count: number; sum?: number });
        const { name, unit } = metric.descriptor;
        lines.push(`${name}${labels.length > 0 ? `{${labels.join(',')}}` : ''} ${shown} ${unit}`.trimEnd());
      }
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function histogram({ count, sum }: { count: number; sum?: number }): string {
  return `count ${count}${sum === undefined ? '' : `, sum ${sum}`}`;
}
