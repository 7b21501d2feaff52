// SPDX-License-Identifier: Apache-2.0
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import type {
  AggregationTemporality,
  CollectionResult,
  DataPoint,
  ExponentialHistogramMetricData,
  MetricProducer,
} from '@opentelemetry/sdk-metrics';

/** One point of an exponential histogram: `buckets[i]` counts values up to 2^((offset + i + 1) / 2^scale). */
export interface HistogramPoint {
  readonly attributes: Attributes;
  readonly scale: number;
  readonly offset: number;
  readonly sum: number;
  readonly count: number;
  readonly buckets: readonly number[];
}

/** A histogram that is counted elsewhere (in the kernel), since the start; no instrument sees its values. */
export interface CountedHistogram {
  readonly name: string;
  readonly unit: string;
  readonly about: string;
  /** The same attributes in the same order each time. */
  points(): readonly HistogramPoint[];
}

type ExponentialHistogram = ExponentialHistogramMetricData['dataPoints'][number]['value'];

/** The SDK's enumerations are values, which only otel.ts imports. */
export interface ProducerOptions {
  readonly scope: InstrumentationScope;
  readonly kind: ExponentialHistogramMetricData['dataPointType'];
  readonly temporality: AggregationTemporality;
  readonly isDelta: boolean;
}

/** Brings such histograms to one reader, beside the instruments of its provider. */
export class HistogramProducer implements MetricProducer {
  readonly #options: ProducerOptions;
  readonly #histograms: CountedHistogram[] = [];
  /** What was told last, for deltas. */
  readonly #told = new Map<string, HistogramPoint>();
  readonly #start = now();
  #last = this.#start;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  add(histogram: CountedHistogram): void {
    this.#histograms.push(histogram);
  }

  async collect(): Promise<CollectionResult> {
    const endTime = now();
    const startTime = this.#options.isDelta ? this.#last : this.#start;
    this.#last = endTime;
    const metrics = this.#histograms
      .map((histogram) => this.#metric(histogram, { startTime, endTime }))
      .filter(({ dataPoints }) => dataPoints.length > 0);
    const { scope } = this.#options;
    const scopeMetrics = metrics.length === 0 ? [] : [{ scope, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }

  #metric(
    histogram: CountedHistogram,
    times: Pick<DataPoint<unknown>, 'startTime' | 'endTime'>,
  ): ExponentialHistogramMetricData {
    const { name, unit, about: description } = histogram;
    const { kind: dataPointType, temporality: aggregationTemporality } = this.#options;
    const points = histogram.points().map((point) => this.#since(name, point));
    return {
      descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
      aggregationTemporality,
      dataPointType,
      dataPoints: points
        .filter(({ count }) => count > 0)
        .map((point) => ({ ...times, attributes: point.attributes, value: histogramOf(point) })),
    };
  }

  /** With delta temporality what came since the last time. */
  #since(name: string, point: HistogramPoint): HistogramPoint {
    if (!this.#options.isDelta) return point;
    const key = `${name} ${JSON.stringify(point.attributes)}`;
    const before = this.#told.get(key);
    this.#told.set(key, point);
    if (!before) return point;
    return {
      ...point,
      sum: point.sum - before.sum,
      count: point.count - before.count,
      buckets: point.buckets.map((count, i) => count - before.buckets[i]!),
    };
  }
}

/** Without the empty buckets at both ends. */
function histogramOf({ scale, offset, sum, count, buckets }: HistogramPoint): ExponentialHistogram {
  const first = buckets.findIndex((each) => each > 0);
  const last = buckets.findLastIndex((each) => each > 0);
  return {
    count,
    sum,
    scale,
    zeroCount: 0,
    positive: { offset: offset + first, bucketCounts: buckets.slice(first, last + 1) },
    negative: { offset: 0, bucketCounts: [] },
  };
}

function now(): HrTime {
  const milliseconds = Date.now();
  return [Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1_000_000];
}
