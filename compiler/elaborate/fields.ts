/** Data fields as values: at the batch's own rows or at those of `mismatch`, there or absent. */
import { type ChosenRows, type Node, topological } from '../graph/node.js';
import type { Bound } from './builtins.js';
import { drawPath } from './draw.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { describe, type FieldType, POISON, type TensorValue, tensor, type Value } from './values.js';

export interface DataField {
  readonly name: string;
  readonly type: FieldType;
  /** Share of the examples in which it is absent: `optional 0.2`. */
  readonly absent: number;
}

/** What a node that reads a field is. */
export interface FieldRead {
  readonly field: DataField;
  /** True at the batch's own rows. */
  readonly own: boolean;
  /** Of an optional field: bool [batch]. */
  readonly present?: Node;
}

/**
 * A field's value [batch, ...], zeros where it is absent. `path` is the name by which it is fed (`D.x`); `chosen` names the draw that chooses other
 * rows than the batch's own.
 */
export function fieldValue(e: Elaborator, field: DataField, path: string, chosen?: ChosenRows): TensorValue {
  const g = e.builder;
  const { batch, fed } = e.evaluation;
  const { shape: own, dtype } = field.type;
  const shape = [batch, ...own];
  const read = fed.has(path) ? g.input(path, shape, dtype) : g.field(field.name, shape, dtype, chosen);
  const present = field.absent > 0 ? presence(e, `${path}.present`, field.absent) : undefined;
  const node = present ? g.select(g.broadcastTo(g.reshape(present, [batch, ...own.map(() => 1)]), shape), read, g.constant(0, shape, dtype)) : read;
  e.reads.set(node, { field, own: !chosen, present });
  return tensor(node, true, field.type);
}

/** bool [batch]: in training drawn or fed; elsewhere the host says for each example whether it has the field. */
function presence(e: Elaborator, path: string, absent: number): Node {
  const g = e.builder;
  const { batch, fed, training } = e.evaluation;
  if (!training || fed.has(path)) return g.cast(g.input(path, [batch], 'f32'), 'bool');
  return g.compare('le', g.constant(absent, [batch]), g.random(path, [batch]));
}

/**
 * `present(a)`: for each example [1] with 1 where it has the optional field `a`, else 0. What comes from no optional field is always there. An error
 * for a value computed from one: whether that counts as present is the spec's to say.
 */
export function present(e: Elaborator, args: Bound): Value {
  const value = e.force(args.value('field'));
  if (value.kind === 'poison') return POISON;
  if (value.kind !== 'tensor') return e.fail(args.span('field'), messages.notATensor(describe(value)));
  const read = e.reads.get(value.node);
  if (read?.present) return tensor(e.builder.reshape(e.builder.cast(read.present, 'f32'), [read.present.shape[0], 1]), true);
  if (!read) {
    const source = topological([value.node]).flatMap((node) => e.reads.get(node) ?? []);
    const optional = source.find((r) => r.present)?.field.name;
    if (optional !== undefined) return e.fail(args.span('field'), messages.presentOfComputed(optional));
  }
  return tensor(e.builder.constant(1, [1]), false);
}

/**
 * `mismatch(t)`: the field at another training row for each example, uniform among the rows whose `t` differs from the example's own.
 * `mismatch(t, a)`: a record {t, a} of both fields from one such row. Each call draws its own rows.
 */
export function mismatch(e: Elaborator, args: Bound): Value {
  return fieldsElsewhere(e, args, 'mismatch', (rows, differs) => ({ rows, differs }));
}

/**
 * `match(t, x)`: fields of another row whose `t` is the example's own, uniform among the training rows that have it; where none has, among the others. The
 * example's own row where it is the only one.
 */
export function match(e: Elaborator, args: Bound): Value {
  return fieldsElsewhere(e, args, 'match', (rows, agrees) => ({ rows, agrees }));
}

function fieldsElsewhere(e: Elaborator, args: Bound, callee: string, choose: (rows: string, field: string) => ChosenRows): Value {
  const wanted: DataField[] = [];
  for (const argument of args.rest) {
    const value = e.force(argument.value);
    const read = value.kind === 'tensor' ? e.reads.get(value.node) : undefined;
    if (value.kind === 'poison') return POISON;
    if (!read?.own) return e.fail(argument.span, messages.notAField(callee, describe(value), [...e.fields.keys()]));
    if (wanted.includes(read.field)) return e.fail(argument.span, messages.argumentTwice(callee, read.field.name));
    wanted.push(read.field);
  }
  const [first, ...others] = wanted;
  if (!first) return e.fail(args.call.span, messages.missingArgument(callee, 'field', `\`${callee}(t)\``));
  // Metrics share their draws: those that choose otherwise have names of their own.
  e.draws++;
  const path = drawPath(e, e.evaluation.pool && `${callee}.${first.name}`);
  const chosen = choose(path, first.name);
  if (others.length === 0) return fieldValue(e, first, `${path}.${first.name}`, chosen);
  return { kind: 'record', fields: new Map(wanted.map((field) => [field.name, fieldValue(e, field, `${path}.${field.name}`, chosen)])) };
}
