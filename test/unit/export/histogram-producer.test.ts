// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { AggregationTemporality, DataPointType } from '@opentelemetry/sdk-metrics';
import { HistogramProducer } from '../../../src/export/histogram-producer.ts';

/** A histogram whose buckets the test changes, and what the producer tells of it. */
function produced(temporality: AggregationTemporality) {
  const producer = new HistogramProducer({
    scope: { name: 'test' },
    kind: DataPointType.EXPONENTIAL_HISTOGRAM,
    temporality,
    isDelta: temporality === AggregationTemporality.DELTA,
  });
  const buckets = [0, 0, 0, 0];
  let sum = 0;
  producer.add({
    name: 'time',
    unit: 's',
    about: 'of something',
    points: () => [
      {
        attributes: { event: 'exec' },
        scale: 2,
        offset: -10,
        sum,
        count: buckets.reduce((all, each) => all + each, 0),
        buckets: [...buckets],
      },
    ],
  });
  return {
    count(bucket: number, value: number) {
      buckets[bucket]!++;
      sum += value;
    },
    async metrics() {
      const { scopeMetrics } = (await producer.collect()).resourceMetrics;
      return scopeMetrics.flatMap(({ metrics }) => metrics);
    },
  };
}

describe('HistogramProducer', () => {
  it('says nothing before anything was counted', async () => {
    assert.deepEqual(await produced(AggregationTemporality.CUMULATIVE).metrics(), []);
  });

  it('leaves out the empty buckets at both ends', async () => {
    const { count, metrics } = produced(AggregationTemporality.CUMULATIVE);
    count(1, 2);
    count(1, 2);
    count(2, 4);
    const [metric] = await metrics();
    assert.deepEqual(metric!.descriptor, {
      name: 'time',
      unit: 's',
      description: 'of something',
      valueType: 1,
    });
    assert.deepEqual(metric!.dataPoints[0]!.attributes, { event: 'exec' });
    assert.deepEqual(metric!.dataPoints[0]!.value, {
      count: 3,
      sum: 8,
      scale: 2,
      zeroCount: 0,
      positive: { offset: -9, bucketCounts: [2, 1] },
      negative: { offset: 0, bucketCounts: [] },
    });
  });

  for (const [name, temporality, expected] of [
    [
      'everything',
      AggregationTemporality.CUMULATIVE,
      { count: 3, sum: 5, offset: -10, counts: [2, 0, 0, 1] },
    ],
    ['what is new', AggregationTemporality.DELTA, { count: 1, sum: 3, offset: -7, counts: [1] }],
  ] as const) {
    it(`tells ${name} the second time (${AggregationTemporality[temporality]})`, async () => {
      const { count, metrics } = produced(temporality);
      count(0, 1);
      count(0, 1);
      const [first] = await metrics();
      count(3, 3);
      const [second] = await metrics();
      const { value, startTime } = second!.dataPoints[0] as unknown as {
        startTime: unknown;
        value: { count: number; sum: number; positive: { offset: number; bucketCounts: number[] } };
      };
      const { offset, bucketCounts: counts } = value.positive;
      assert.deepEqual({ count: value.count, sum: value.sum, offset, counts }, expected);
      const isDelta = temporality === AggregationTemporality.DELTA;
      assert.deepEqual(startTime, isDelta ? first!.dataPoints[0]!.endTime : first!.dataPoints[0]!.startTime);
    });
  }
});
