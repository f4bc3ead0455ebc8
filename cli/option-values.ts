/** What the values of options are read as, and what is said of those that are not so. */
import { InvalidArgumentError } from 'commander';
import type { RowKind } from '../runtime/data/index.js';
import { type Filter, readFilter } from '../runtime/train/filter.js';

/** A whole number from `least` up; `name`: what it is called where it is none. */
export function whole(name: string, least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`${name} is a whole number from ${least} up.`);
    return value;
  };
}

export function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) throw new InvalidArgumentError('A port is a whole number from 1 to 65535.');
  return value;
}

export function seed(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 1n << 64n) throw new InvalidArgumentError('A seed is a whole number from 0 to 2^64 - 1.');
  return BigInt(text);
}

export function seconds(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Seconds are a number from 0 up.');
  return Number(text);
}

export function factor(text: string): number {
  if (!/^\d*\.?\d+$/.test(text)) throw new InvalidArgumentError('A factor is a number from 0 up.');
  return Number(text);
}

/** An option that may be given again and again. */
export function collected(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

export function stepList(text: string): number[] {
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError('Steps are whole numbers with commas between: 1,10,50.');
  return text.split(',').map(Number);
}

export function rowKinds(text: string): RowKind[] {
  const kinds: readonly RowKind[] = ['training', 'held_out', 'unseen'];
  return text.split(',').map((part) => {
    const kind = kinds.find((name) => name === part.trim().replace('-', '_'));
    if (kind === undefined) throw new InvalidArgumentError('Rows are held-out, unseen or training, or several with commas between.');
    return kind;
  });
}

export function filters(text: string, before: readonly Filter[] = []): Filter[] {
  const filter = readFilter(text);
  if (filter === undefined) throw new InvalidArgumentError('Write name=value, or !=, <, <=, >, >=, as in status=finished or near>0.9.');
  return [...before, filter];
}

/** `--set k=v`, repeatable. */
export function setting(text: string, before: Record<string, string> = {}): Record<string, string> {
  const match = /^\s*([A-Za-z_]\w*)\s*=(.*)$/s.exec(text);
  if (!match || match[2].trim() === '') throw new InvalidArgumentError('Write name=value, as in --set width=32.');
  return { ...before, [match[1]]: match[2].trim() };
}

/** `--sweep k=a,b,c`, repeatable. */
export function sweep(text: string, before: Record<string, string[]> = {}): Record<string, string[]> {
  const match = /^\s*([A-Za-z_]\w*)\s*=(.*)$/s.exec(text);
  const values = (match?.[2] ?? '').split(',').map((value) => value.trim());
  if (!match || values.includes('')) throw new InvalidArgumentError('Write name=value,value, as in --sweep width=32,64.');
  if (new Set(values).size < values.length) throw new InvalidArgumentError('A value is there twice.');
  return { ...before, [match[1]]: values };
}
