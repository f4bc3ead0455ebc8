/** The arguments of a data source: their names, kinds and bounds. */

import type { DataRequest } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { DataError } from './error.js';

export type Rule =
  | { readonly kind: 'whole'; readonly otherwise?: number; readonly least: number; readonly most: number; readonly says: string }
  /** A number over `above`, or from `least` on, below `below`. */
  | { readonly kind: 'number'; readonly otherwise?: number; readonly above?: number; readonly least?: number; readonly below?: number; readonly says: string }
  | { readonly kind: 'flag'; readonly otherwise?: boolean; readonly says: string }
  /** `among`: the only texts there are. `path`: of a file or folder. */
  | {
      readonly kind: 'text';
      readonly otherwise?: string;
      readonly required?: boolean;
      readonly among?: readonly string[];
      readonly path?: true;
      readonly says: string;
    };

/** Every source takes these. */
const COMMON: Readonly<Record<string, Rule>> = {
  held_out: { kind: 'number', otherwise: 0.1, least: 0, below: 1, says: 'share of rows kept from training' },
};

export type Arguments = ReadonlyMap<string, number | string | boolean>;

/** The arguments with their defaults. Throws DataError naming the first that is unknown, missing or out of bounds. */
export function readArguments(request: DataRequest, rules: Readonly<Record<string, Rule>>): Arguments {
  const all = new Map<string, Rule>([...Object.entries(rules), ...Object.entries(COMMON)]);
  const values = new Map<string, number | string | boolean>();
  for (const [name, value] of Object.entries(request.args)) {
    const rule = all.get(name);
    if (rule === undefined) {
      const near = suggest(name, all.keys());
      throw new DataError(
        `the data source '${request.source}' has no argument '${name}'`,
        `it takes ${[...all].map(([n, r]) => `${n} (${r.says})`).join(', ')}`,
        near === undefined ? undefined : `did you mean '${near}'?`,
      );
    }
    const reason = misfit(rule, value);
    if (reason !== undefined) throw new DataError(`${request.source}(${name}: ${value}) is not possible`, `${name}, the ${rule.says}, ${reason}`);
    values.set(name, value as number | string | boolean);
  }
  for (const [name, rule] of all) {
    if (values.has(name)) continue;
    if (rule.otherwise !== undefined) values.set(name, rule.otherwise);
    else if (rule.kind === 'text' && rule.required === true) {
      throw new DataError(`the data source '${request.source}' needs '${name}'`, `${name} is the ${rule.says}`, `write ${request.source}(${name}: "...")`);
    }
  }
  return values;
}

function misfit(rule: Rule, value: unknown): string | undefined {
  if (rule.kind === 'text') {
    if (typeof value !== 'string' || value === '') return 'must be text';
    return rule.among === undefined || rule.among.includes(value) ? undefined : `is one of ${rule.among.map((text) => `"${text}"`).join(', ')}`;
  }
  if (rule.kind === 'flag') return typeof value === 'boolean' ? undefined : 'is true or false';
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number';
  if (rule.kind === 'whole') {
    return Number.isInteger(value) && value >= rule.least && value <= rule.most ? undefined : `must be a whole number from ${rule.least} to ${rule.most}`;
  }
  if (rule.above !== undefined && value <= rule.above) return `must be over ${rule.above}`;
  if (rule.least !== undefined && value < rule.least) return `must be at least ${rule.least}`;
  if (rule.below !== undefined && value >= rule.below) return `must be below ${rule.below}`;
  return undefined;
}

export function numberOf(values: Arguments, name: string): number {
  return values.get(name) as number;
}

export function flagOf(values: Arguments, name: string): boolean {
  return values.get(name) as boolean;
}

export function textOf(values: Arguments, name: string): string | undefined {
  return values.get(name) as string | undefined;
}

/** How many of so many rows are held out; at least one is left. */
export function heldOutOf(rows: number, args: Arguments): number {
  return Math.min(rows - 1, Math.floor(rows * numberOf(args, 'held_out')));
}
