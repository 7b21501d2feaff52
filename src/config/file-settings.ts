// SPDX-License-Identifier: Apache-2.0
import type { OptionName } from './options.ts';
import type { ReceiverOverrides } from './receiver-settings.ts';

/** What an attribute of the Resource can be. */
export type ResourceValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[];

/** What a configuration file says of one receiver. */
export interface FileReceiver extends ReceiverOverrides {
  /** The endpoint of otlp_http holds the path of its signal already. */
  readonly isSignalEndpoint: boolean;
}

/** A configuration file that was understood. */
export interface FileSettings {
  /** As messages name it: the last component of its path. */
  readonly name: string;
  /** Options with their texts and their places in the file. */
  readonly values: ReadonlyMap<OptionName, { readonly text: string; readonly at: string }>;
  readonly attributes: Readonly<Record<string, ResourceValue>>;
  readonly logs?: FileReceiver;
  readonly metrics?: FileReceiver;
  /** Variables that it takes in by substitution. */
  readonly variables: ReadonlySet<string>;
  /** One line for each part of the file that has no effect here. */
  readonly notes: readonly string[];
}
