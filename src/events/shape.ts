// SPDX-License-Identifier: Apache-2.0
import type { Field } from '../decode/record.ts';

/*
 * Columns as data, for the generator of straight/writers.gen.ts. A shape belongs to the function that does the same: whoever puts
 * another function in its place has another shape, or none.
 */

/** Bits of a record that are not all as they are in `unless`: by default at least one is set. */
export interface Bits {
  /** Of the 32-bit word, from the start of the record. */
  readonly offset: number;
  readonly mask: number;
  readonly unless?: number;
}

/** What a column writes. */
export type Shape =
  | { readonly kind: 'int' | 'digits' | 'seconds' | 'errno'; readonly field: Field }
  | { readonly kind: 'chars'; readonly field: Field & { readonly length: number } }
  | { readonly kind: 'octal'; readonly field: Field; readonly mask: number; readonly digits: number }
  | { readonly kind: 'address'; readonly family: Field; readonly field: Field }
  | { readonly kind: 'names'; readonly field: Field; readonly names: ReadonlyMap<number, string> }
  /** A whole attribute, encoded. */
  | { readonly kind: 'constant'; encode(name: string): Buffer }
  /** What the function alone knows. */
  | { readonly kind: 'call' }
  | { readonly kind: 'when'; readonly bits: Bits; readonly shape: Shape }
  /** Where the members differ. */
  | { readonly kind: 'differ'; readonly fields: readonly [Field, Field]; readonly shape: Shape };

/** A function that may have a shape. */
export type Shaped<F> = F & { readonly shape?: Shape | undefined };

/** A function, and what it does. */
export const shaped = <F extends object>(does: F, shape: Shape | undefined): Shaped<F> =>
  shape ? Object.assign(does, { shape }) : does;

/** Whether a member has 16 bits. */
export const isHalf = ({ type }: Field): boolean => type === 'u16' || type === 'port';
