/** Calls of nets, blocks, functions and partial calls: arguments to parameters, and a frame for each use. */
import type { BlockItem, Expr, NetItem } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import { builtins } from './builtins.js';
import { drawPath } from './draw.js';
import type { Elaborator } from './elaborator.js';
import { evaluate, run } from './evaluate.js';
import { noteFunction, noteLayer, noteOutput, traced } from './layers.js';
import * as messages from './messages.js';
import { remembered } from './remembered.js';
import { type Frame, numbered, Scope } from './scope.js';
import { typeOfExpr, typeOfResult } from './types.js';
import { type ArgumentValue, type BlockValue, type CallableValue, describe, logicalShape, type NetValue, POISON, tensor, type Value } from './values.js';

const DEEPEST = 64;

export function call(e: Elaborator, callee: CallableValue, args: readonly ArgumentValue[], span: Span, alias?: string): Value {
  switch (callee.kind) {
    case 'net':
      return callNet(e, callee, args, span);
    case 'block':
      // An initialiser waits for the shape that `~` gives it.
      if (callee.item.params[0]?.name.text === 'shape') return { kind: 'draw', callee, args, span, path: '' };
      return callBlock(e, callee, args, span, alias);
    case 'builtin': {
      if (callee.name === 'normal' || callee.name === 'uniform') return { kind: 'draw', callee, args, span, path: drawPath(e) };
      const builtin = builtins.get(callee.name);
      if (!builtin) return POISON;
      const result = builtin(e, { name: callee.name, args, span });
      noteFunction(e, callee.name, args, span, result);
      return result;
    }
    case 'partial': {
      // Holes are filled in order; what is left over follows.
      const rest = args.filter((a) => a.name === undefined);
      const named = args.filter((a) => a.name !== undefined);
      const filled = callee.args.map((argument) =>
        argument.value.kind === 'hole' ? { ...argument, ...(rest.shift() ?? { value: argument.value }), name: argument.name } : argument,
      );
      if (filled.some((argument) => argument.value.kind === 'hole')) return { ...callee, args: filled };
      return call(e, callee.callee, [...filled, ...rest, ...named], span, alias ?? callee.alias);
    }
  }
}

/** One use of a block: weights of its own, named by `alias` or the block, numbered from the second. */
export function callBlock(e: Elaborator, block: BlockValue, args: readonly ArgumentValue[], span: Span, alias?: string): Value {
  const { item } = block;
  if (e.frame.depth >= DEEPEST) return e.fail(span, messages.recursion(item.name.text));
  const segment = numbered(e.frame.uses, alias ?? item.name.text);
  const frame: Frame = {
    kind: 'block',
    name: item.name.text,
    net: e.frame.net,
    optimizer: e.frame.optimizer,
    weightPath: `${e.frame.weightPath}.${segment}`,
    drawPath: e.initialising ? e.frame.drawPath : `${e.frame.drawPath}.${segment}`,
    callSpan: span,
    caller: e.frame,
    depth: e.frame.depth + 1,
    uses: new Map(),
    drawUses: e.initialising ? e.frame.drawUses : new Map(),
    defaults: e.frame.defaults,
    states: new Map(),
    weights: new Set(),
  };
  const scope = new Scope(block.scope);
  if (!bindParameters(e, item, args, span, scope, frame)) return POISON;
  noteLayer(e, frame, args);
  const result = e.within({ frame }, () => run(e, item.body, scope));
  noteOutput(e, frame, result);
  return finish(e, 'block', item, result, span);
}

/** One call of a net: its own draws, the same weights as every other call. */
export function callNet(e: Elaborator, net: NetValue, args: readonly ArgumentValue[], span: Span): Value {
  const { item, path } = net;
  for (let frame: Frame | undefined = e.frame; frame; frame = frame.caller) {
    if (frame.kind === 'net' && frame.weightPath === path) return e.fail(span, messages.recursion(item.name.text));
  }
  e.recordCall(net);
  const frame: Frame = {
    kind: 'net',
    name: item.name.text,
    net: path.includes('.') ? (e.frame.net ?? path) : path,
    weightPath: path,
    drawPath: `${e.evaluation.prefix}.${numbered(e.evaluation.calls, path)}`,
    callSpan: span,
    caller: e.frame,
    depth: e.frame.depth + 1,
    uses: new Map(),
    drawUses: new Map(),
    defaults: net.defaults ?? e.frame.defaults,
    states: new Map(),
    weights: new Set(),
  };
  return remembered(e, net, frame, args, () => evaluateNet(e, net, frame, args, span));
}

function evaluateNet(e: Elaborator, net: NetValue, frame: Frame, args: readonly ArgumentValue[], span: Span): Value {
  const { item } = net;
  const scope = new Scope(net.scope);
  if (!bindParameters(e, item, args, span, scope, frame)) return POISON;
  noteLayer(e, frame, args);
  e.noted.passed(frame, item, scope, args);
  const parameters = item.params.map((p) => [p.name.text, scope.names.get(p.name.text) ?? POISON] as const);
  const result = e.within({ frame }, () => {
    checkParameterTypes(e, item, scope);
    return traced(e, net, parameters, () => declaredResult(e, item, run(e, item.body, scope), scope));
  });
  noteOutput(e, frame, result);
  e.noted.call(frame, item, result);
  return finish(e, 'net', item, result, span);
}

function finish(e: Elaborator, kind: string, item: NetItem | BlockItem, result: Value, call: Span): Value {
  if (result.kind !== 'none') return result;
  // A block of the prelude has a result: it hands on what it was given.
  if (e.preludeSources.has(item.name.span.source)) return e.fail(call, messages.noneHandedOn(item.name.text));
  return e.fail(item.name.span, messages.noResult(kind, item.name.text));
}

/** `f(x, channels, kernel: 3)`: the form of a callable, for messages. */
export function formOf(item: NetItem | BlockItem): string {
  const params = item.params.map((p) => {
    if (!p.annotation || item.kind === 'net') return p.name.text;
    return `${p.name.text}: ${p.annotation.span.source.text.slice(p.annotation.span.start, p.annotation.span.end)}`;
  });
  return `\`${item.name.text}(${params.join(', ')})\``;
}

/** Arguments to names: in their places, then by name, then what `set` says, then the defaults. */
function bindParameters(e: Elaborator, item: NetItem | BlockItem, args: readonly ArgumentValue[], span: Span, scope: Scope, frame: Frame): boolean {
  const name = item.name.text;
  const known = item.params.map((p) => p.name.text);
  const given = new Map<string, ArgumentValue>();
  let place = 0;
  let fits = true;
  for (const argument of args) {
    const target = argument.name ?? known[place++];
    if (target === undefined) {
      // A poisoned one has had its message.
      if (argument.value.kind !== 'poison') e.fail(argument.span, messages.tooManyArguments(name, args.length, formOf(item)));
    } else if (!known.includes(target)) e.fail(argument.nameSpan ?? argument.span, messages.unknownArgument(name, target, known));
    else if (given.has(target)) e.fail(argument.nameSpan ?? argument.span, messages.argumentTwice(name, target));
    else {
      given.set(target, argument);
      continue;
    }
    fits = false;
  }
  if (!fits || args.some((argument) => argument.value.kind === 'poison')) return false;
  const defaults = item.kind === 'block' ? e.frame.defaults.get(name) : undefined;
  for (const param of item.params) {
    const argument = given.get(param.name.text) ?? defaults?.find((d) => d.name === param.name.text);
    if (argument) scope.names.set(param.name.text, argument.value);
    else if (item.kind === 'block' && param.annotation) {
      const value = e.within({ frame }, () => evaluate(e, param.annotation as Expr, scope));
      if (value.kind === 'poison') return false;
      scope.names.set(param.name.text, value);
    } else return failed(e.fail(span, messages.missingArgument(name, param.name.text, formOf(item))));
  }
  return true;
}

function failed(_: Value): false {
  return false;
}

/** A net's typed parameters: `net F(x: [3, 8])`. */
function checkParameterTypes(e: Elaborator, item: NetItem, scope: Scope): void {
  for (const param of item.params) {
    if (!param.annotation) continue;
    const type = typeOfExpr(e, param.annotation, scope);
    const value = scope.names.get(param.name.text);
    if (!type || value?.kind !== 'tensor') continue;
    const found = logicalShape(value);
    if (found.length !== type.shape.length || found.some((length, i) => length !== type.shape[i])) {
      const caller = e.frame.callSpan ?? param.span;
      const frame = e.frame.caller ?? e.frame;
      e.within({ frame }, () => e.fail(caller, messages.paramShape(item.name.text, param.name.text, type.shape, found)));
      scope.names.set(param.name.text, POISON);
    } else scope.names.set(param.name.text, { ...value, type });
  }
}

/** Holds the result against `-> image[1, 28, 28]`. */
function declaredResult(e: Elaborator, item: NetItem, given: Value, scope: Scope): Value {
  const result = e.force(given);
  if (result.kind === 'poison' || !item.result) return result;
  const last = item.body.statements[item.body.statements.length - 1]?.span ?? item.span;
  if (item.result.kind === 'fields') {
    const wanted = item.result.names.map((n) => n.text);
    if (result.kind !== 'record') return e.fail(last, messages.noField(describe(result), wanted[0], []));
    for (const name of wanted) if (!result.fields.has(name)) return e.fail(last, messages.noField('the result', name, [...result.fields.keys()]));
    return result;
  }
  const type = typeOfResult(e, item.result.type, scope);
  if (!type) return POISON;
  if (result.kind !== 'tensor') return e.fail(last, messages.notATensor(describe(result)));
  const found = logicalShape(result);
  if (found.length !== type.shape.length || found.some((length, i) => length !== type.shape[i]))
    return e.fail(last, messages.resultShape(item.name.text, type.shape, found));
  return tensor(result.node, result.batched, type);
}
