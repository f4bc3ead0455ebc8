/** Reading the arguments of a PyTorch call. */

import { type Call, Inexpressible, numbers, tensorIndex } from './call.js';
import type { Argument } from './case.js';

export const flag = (value: Argument | undefined): boolean => value === true;
export const optional = (value: Argument | undefined): number[] | undefined => (value === undefined || value === null ? undefined : numbers(value));
export const scalar = (value: Argument | undefined, otherwise: number): number => (value === undefined || value === null ? otherwise : numbers(value)[0]);
export const string = (value: Argument | undefined, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
export const rankOf = (call: Call, index = 0): number => call.shape(index).length;

export function indexOf(value: Argument | undefined): number {
  const index = tensorIndex(value);
  if (index === undefined) throw new Inexpressible(`an argument ${JSON.stringify(value)} where a tensor is wanted`);
  return index;
}
