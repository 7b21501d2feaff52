// SPDX-License-Identifier: Apache-2.0
import type { Resource } from '@opentelemetry/resources';
import { Ledger } from '../ledger.ts';
import { type Exporter, type ExporterOptions, FastExporter, StockExporter } from './exporter.ts';
import { FileExporter, type FileExporterOptions, WithFile } from './file-exporter.ts';
import { type SdkLaneOptions, UserLane } from './user-lane.ts';

/** Where records go: to a receiver, into a file, through pieces of the user's, or several of these. */
export interface DestinationOptions {
  readonly resource: Resource;
  readonly receiver?: Omit<ExporterOptions, 'resource'> & {
    /** sdk: the stock pieces of OpenTelemetry, without the user's. */
    readonly pipeline: 'fast' | 'sdk';
  };
  readonly file?: Omit<FileExporterOptions, 'resource'>;
  readonly user?: SdkLaneOptions;
}

/** Makes the exporter of all destinations, which counts in the ledger; undefined when there is none. */
export function exporterFor(
  options: DestinationOptions,
): ((ledger: Ledger) => Promise<Exporter>) | undefined {
  const { resource, receiver, file, user } = options;
  if (!receiver && !file && !user) return undefined;
  const intoFile = (ledger: Ledger) => file && new FileExporter({ ...file, resource }, ledger);
  return async (ledger) => {
    if (receiver?.pipeline === 'sdk' && !user) {
      // The file first: it is what may refuse.
      const written = intoFile(new Ledger(new Map()));
      const stock = await StockExporter.create({ ...receiver, resource }, ledger);
      return written ? new WithFile(stock, written) : stock;
    }
    // One of several keeps the books: the receiver, which can say what it took.
    const written = intoFile(receiver ? new Ledger(new Map()) : ledger);
    const fast = receiver && new FastExporter({ ...receiver, resource }, ledger);
    if (user)
      return new UserLane(
        { ...user, resource },
        [fast, written].filter((each) => !!each),
        ledger,
      );
    return fast && written ? new WithFile(fast, written) : (fast ?? written)!;
  };
}
