/** Draws: `normal(...)` and `uniform(...)` as values, noise declarations, and the initialisers right of `~`. */
import type { Span } from '../../grammar/source.js';
import { type Node, type Shape, size, topological } from '../graph/node.js';
import { callBlock } from './call.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { numbered } from './scope.js';
import { sizeOf } from './sizes.js';
import { type ArgumentValue, type DrawValue, describe, isCallable, list, logicalShape, number, POISON, tensor, type Value } from './values.js';

/** Path of the next draw at this place: the use of the block that makes it, numbered from the second. */
export function drawPath(e: Elaborator, name?: string): string {
  const base = name === undefined ? e.frame.drawPath : `${e.frame.drawPath}.${name}`;
  return numbered(e.frame.drawUses, base);
}

/** A net that draws is not the same in every call; what its weights begin with is. */
function noteDraw(e: Elaborator): void {
  if (e.initialising === undefined) e.draws++;
}

/** Uniform numbers in (0, 1) of a node's whole shape: drawn, or fed by the host. */
export function uniformNode(e: Elaborator, path: string, shape: Shape): Node {
  noteDraw(e);
  return e.evaluation.fed.has(path) ? e.builder.input(path, shape, 'f32') : e.builder.random(path, shape);
}

/** Standard normal numbers from uniform ones, by the prelude's `gaussian`. */
export function gaussianNode(e: Elaborator, path: string, shape: Shape, span: Span): Node | undefined {
  noteDraw(e);
  if (e.evaluation.fed.has(path)) return e.builder.input(path, shape, 'f32');
  const gaussian = e.scope.find('gaussian');
  if (gaussian?.kind !== 'block') return undefined;
  // Called from the prelude, as it were: a draw is no layer of the net that makes it.
  const result = callBlock(e, gaussian, [{ value: tensor(e.builder.random(path, shape), false), span }], gaussian.item.name.span);
  return result.kind === 'tensor' ? result.node : undefined;
}

/**
 * A draw used as a value: its arguments are the shape (`normal(1, 4, 4)`), or `like: v`. It is batched in a game and in a net's body:
 * every example draws its own.
 */
export function makeDraw(e: Elaborator, draw: DrawValue): Value {
  if (draw.made) return draw.made;
  draw.made = POISON;
  if (draw.callee.kind !== 'builtin') return e.fail(draw.span, messages.notATensor(describe(draw)));
  let shape: number[] = [];
  let batched = true;
  for (const argument of draw.args) {
    if (argument.name === 'like') {
      const like = e.force(argument.value);
      if (like.kind === 'poison') return POISON;
      if (like.kind !== 'tensor') return e.fail(argument.span, messages.notATensor(describe(like)));
      shape = [...logicalShape(like)];
      batched = like.batched;
    } else if (argument.name !== undefined) {
      return e.fail(argument.span, messages.unknownArgument(draw.callee.name, argument.name, ['like']));
    } else {
      const items = argument.value.kind === 'list' ? argument.value.items : [argument.value];
      for (const item of items) {
        const length = sizeOf(e, item, argument.span);
        if (length === undefined) return POISON;
        shape.push(length);
      }
    }
  }
  const whole = batched ? [e.evaluation.batch, ...shape] : shape;
  const node = draw.callee.name === 'normal' ? gaussianNode(e, draw.path, whole, draw.span) : uniformNode(e, draw.path, whole);
  draw.made = node ? tensor(node, batched) : POISON;
  return draw.made;
}

/** What a node is before the first call: the variables that it reads are their own first values. */
function atStart(e: Elaborator, top: Node): Node {
  const known = new Map<Node, Node>();
  for (const node of topological([top])) {
    const first = node.operation.op === 'variable' ? e.declared.get(node.operation.name)?.initial : undefined;
    const inputs = node.inputs.map((input) => known.get(input) as Node);
    const same = inputs.every((input, i) => input === node.inputs[i]);
    known.set(node, first ?? (same ? node : e.builder.make(node.operation, inputs, { shape: node.shape, dtype: node.dtype })));
  }
  return known.get(top) as Node;
}

/** The first value of a variable: `initial` is a distribution (`~`) or a plain value (`=`), evaluated by the caller. */
export function initialNode(e: Elaborator, variable: string, shape: Shape, initial: Value, drawn: boolean, span: Span): Node | undefined {
  if (!drawn) {
    const value = e.force(initial);
    if (value.kind === 'poison') return undefined;
    const node =
      value.kind === 'tensor' && !value.batched ? atStart(e, value.node) : value.kind === 'number' ? e.builder.constant(value.value, shape) : undefined;
    if (!node) {
      e.fail(span, messages.notNumber(describe(value)));
      return undefined;
    }
    if (node.shape.length > shape.length || node.shape.some((length, i) => length !== 1 && length !== shape[shape.length - node.shape.length + i])) {
      e.fail(span, messages.initialShape(variable, shape, node.shape));
      return undefined;
    }
    return e.builder.broadcastTo(node, shape);
  }
  if (initial.kind === 'poison') return undefined;
  if (initial.kind === 'number') return e.builder.constant(initial.value, shape);
  const path = `init.${variable}`;
  const dims = list(shape.map((length) => number(length)));
  const callee = initial.kind === 'draw' ? initial.callee : initial;
  const args: readonly ArgumentValue[] = initial.kind === 'draw' ? initial.args : [];
  if (!isCallable(callee) || callee.kind === 'net') {
    e.fail(span, messages.notAnInitialiser(describe(initial)));
    return undefined;
  }
  const before = e.initialising;
  e.initialising = path;
  const frame = { ...e.frame, drawPath: path, drawUses: new Map<string, number>() };
  try {
    return e.within({ frame }, () => {
      const target = callee.kind === 'builtin' ? e.scope.find(`${callee.name}_init`) : callee.kind === 'partial' ? callee.callee : callee;
      const given = callee.kind === 'partial' ? callee.args : args;
      if (target?.kind !== 'block') {
        e.fail(span, messages.notAnInitialiser(describe(initial)));
        return undefined;
      }
      const result = e.force(callBlock(e, target, [{ value: dims, span }, ...given], span));
      if (result.kind === 'poison') return undefined;
      if (result.kind === 'number') return e.builder.constant(result.value, shape);
      if (result.kind !== 'tensor' || result.batched || size(result.node.shape) !== size(shape) || result.node.shape.length !== shape.length) {
        e.fail(span, messages.notAnInitialiser(describe(result)));
        return undefined;
      }
      return result.node;
    });
  } finally {
    e.initialising = before;
  }
}
