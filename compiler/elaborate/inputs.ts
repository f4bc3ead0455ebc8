/** What a game or sample reads from outside: data fields and noises, by name. */
import type { DataItem, Expr, NoiseItem } from '../../grammar/ast.js';
import type { DataRequest, FieldRequest } from '../program/types.js';
import { gaussianNode, uniformNode } from './draw.js';
import type { Elaborator } from './elaborator.js';
import { evaluate } from './evaluate.js';
import { type DataField, fieldValue } from './fields.js';
import * as messages from './messages.js';
import { numbered, Scope } from './scope.js';
import { shapeOf } from './sizes.js';
import { typeOfResult } from './types.js';
import { describe, type FieldType, list, POISON, tensor, type Value } from './values.js';

export interface Noise {
  readonly name: string;
  readonly family: 'normal' | 'uniform' | 'one_hot';
  readonly shape: readonly number[];
  readonly range: readonly [number, number];
  readonly item: NoiseItem;
}

export interface Inputs {
  readonly data?: DataRequest;
  readonly fields: ReadonlyMap<string, FieldType>;
  readonly noises: ReadonlyMap<string, Noise>;
}

/** Reads the `data` and `noise` lines. */
export function readInputs(e: Elaborator, data: DataItem | undefined, noiseItems: readonly NoiseItem[]): Inputs {
  const fields = new Map<string, FieldType>();
  const dataFields = new Map<string, DataField>();
  const noises = new Map<string, Noise>();
  const requests: FieldRequest[] = [];
  for (const field of data?.fields ?? []) {
    if (fields.has(field.name.text)) {
      e.fail(field.name.span, messages.declaredTwice('field', field.name.text, { message: 'first here', span: data?.span }));
      continue;
    }
    const type = typeOfResult(e, field.type, e.scope);
    if (!type) continue;
    const absent = field.optional ? shareOf(e, field.optional) : undefined;
    fields.set(field.name.text, type);
    dataFields.set(field.name.text, { name: field.name.text, type, absent: absent ?? 0 });
    requests.push({
      name: field.name.text,
      type: type.name,
      shape: type.shape,
      args: type.args,
      storage: storageOf(type),
      range: type.range,
      optional: absent,
    });
  }
  e.fields = dataFields;
  for (const item of noiseItems) {
    const noise = readNoise(e, item);
    if (!noise) continue;
    if (noises.has(noise.name) || fields.has(noise.name))
      e.fail(item.name.span, messages.declaredTwice('noise', noise.name, { message: 'first here', span: noises.get(noise.name)?.item.span ?? data?.span }));
    else noises.set(noise.name, noise);
  }
  return { data: data && { name: data.name.text, ...readOrigin(e, data), fields: requests }, fields, noises };
}

/** `optional 0.2`: the share of examples without the field. */
function shareOf(e: Elaborator, expr: Expr): number | undefined {
  const value = evaluate(e, expr, e.scope);
  if (value.kind === 'number' && value.value >= 0 && value.value < 1) return value.value;
  if (value.kind === 'number') e.fail(expr.span, messages.absentShare(value.value));
  else if (value.kind !== 'poison') e.fail(expr.span, messages.notNumber(describe(value)));
  return undefined;
}

function storageOf(type: FieldType): FieldRequest['storage'] {
  if (type.dtype === 'i32') return { kind: 'i32' };
  // Pictures come as bytes, and stay bytes on the GPU: 0..255 is -1..1.
  if (type.name === 'image' || type.name === 'video') return { kind: 'u8', scale: 2 / 255, offset: -1 };
  return { kind: 'f32' };
}

function readOrigin(e: Elaborator, data: DataItem): { source: string; args: Record<string, number | boolean | string> } {
  // Absent where the text is wrong there, which has been said.
  const origin = data.origin as typeof data.origin | undefined;
  if (!origin) return { source: '', args: {} };
  const args: Record<string, number | boolean | string> = {};
  const source = origin.callee.kind === 'name' ? origin.callee.name : '';
  origin.args.forEach((argument, place) => {
    const value = evaluate(e, argument.value, e.scope);
    // A single unnamed argument is the path: `idx("folder")`.
    const name = argument.name?.text ?? (place === 0 ? 'path' : String(place));
    if (value.kind === 'number' || value.kind === 'bool') args[name] = value.value;
    else if (value.kind === 'string') args[name] = value.text;
    else if (value.kind !== 'poison') e.fail(argument.value.span, messages.notNumber(describe(value)));
  });
  return { source, args };
}

const families = ['normal', 'uniform', 'one_hot'] as const;

function readNoise(e: Elaborator, item: NoiseItem): Noise | undefined {
  const family = families.find((name) => name === item.type.name?.text);
  if (!family) {
    e.fail(item.type.span, messages.unknownType(item.type.name?.text ?? '[...]', families));
    return undefined;
  }
  const shape = shapeOf(e, list(item.type.args.map((a) => evaluate(e, a.value, e.scope))), item.type.span);
  if (!shape) return undefined;
  if (family === 'one_hot' && shape.length !== 1) {
    e.fail(item.type.span, messages.typeForm('one_hot', '`one_hot[10]`'));
    return undefined;
  }
  let range: [number, number] = [0, 1];
  if (item.range) {
    const ends = [item.range.from, item.range.to].map((end) => evaluate(e, end, e.scope));
    if (family !== 'uniform' || ends[0].kind !== 'number' || ends[1].kind !== 'number') {
      e.fail(item.range.span, messages.typeForm('a range', 'of two numbers, for a uniform noise: `uniform[2] in -1..1`'));
      return undefined;
    }
    range = [ends[0].value, ends[1].value];
  }
  return { name: item.name.text, family, shape, range, item };
}

/**
 * A scope in which fields and noises have their values of this evaluation. What an earlier scope of the same step has made (`shared`) is
 * taken from there.
 */
export function inputScope(e: Elaborator, inputs: Inputs, parent: Scope, fieldPrefix?: string): Scope {
  const scope = new Scope(parent);
  const { evaluation } = e;
  for (const [name, field] of e.fields) scope.lazy.set(name, () => fieldValue(e, field, `${fieldPrefix ?? evaluation.prefix}.${name}`));
  e.noises = [];
  const uses = new Map<string, number>();
  for (const [name, noise] of inputs.noises) {
    const make = (): Value => {
      const value = drawNoise(e, noise, numbered(uses, `${evaluation.prefix}.${name}`));
      e.noises.push({ current: value, redraw: make });
      return value;
    };
    scope.lazy.set(name, make);
    // Drawn in the shared part of the step: `fresh` draws it again here.
    const drawn = parent.names.get(name);
    if (drawn) e.noises.push({ current: drawn, redraw: make });
  }
  return scope;
}

function drawNoise(e: Elaborator, noise: Noise, path: string): Value {
  const g = e.builder;
  const { batch, fed, noisesGiven } = e.evaluation;
  const shape = [batch, ...noise.shape];
  if (noisesGiven || fed.has(path)) return tensor(g.input(path, shape, 'f32'), true);
  switch (noise.family) {
    case 'normal': {
      const node = gaussianNode(e, path, shape, noise.item.span);
      return node ? tensor(node, true) : POISON;
    }
    case 'uniform': {
      const [low, high] = noise.range;
      const u = uniformNode(e, path, shape);
      if (low === 0 && high === 1) return tensor(u, true);
      return tensor(g.binary('add', g.binary('mul', u, g.constant(high - low, shape)), g.constant(low, shape)), true);
    }
    case 'one_hot': {
      const which = g.unary('floor', g.binary('mul', uniformNode(e, path, [batch, 1]), g.constant(noise.shape[0], [batch, 1])));
      return tensor(g.cast(g.compare('eq', g.broadcastTo(which, shape), g.iota(shape, 1, 'f32')), 'f32'), true);
    }
  }
}
