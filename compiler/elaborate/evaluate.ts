/** Expressions and statements: the tree is evaluated, and what is not static becomes nodes of the graph. */
import type { Argument, Body, Expr, ForStatement, IfExpr, RequireStatement, Statement, StateStatement, WeightStatement } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import { size } from '../graph/node.js';
import { GraphError } from '../graph/primitive.js';
import { binary, elementwise, toTensor } from './arithmetic.js';
import { call } from './call.js';
import { initialNode } from './draw.js';
import type { Declared, Elaborator } from './elaborator.js';
import { evaluateEvery, isEvery } from './every.js';
import { indexTensor } from './indexing.js';
import * as messages from './messages.js';
import { meanOfAll } from './reduce.js';
import type { Scope } from './scope.js';
import { integerOf, isListLength, shapeOf } from './sizes.js';
import { type ArgumentValue, bool, type CallableValue, describe, isCallable, list, NONE, number, POISON, show, tensor, type Value } from './values.js';
import * as warnings from './warnings.js';

/** What an expression is worth. Mistakes are reported, and give poison. */
export function evaluate(e: Elaborator, expr: Expr, scope: Scope): Value {
  const origin = e.builder.origin;
  e.builder.origin = { span: expr.span, path: e.frame.weightPath };
  try {
    return evaluateKind(e, expr, scope);
  } catch (error) {
    // A shape rule of the graph that elaboration did not foresee: its message is about shapes, and the place is here.
    if (error instanceof GraphError) return e.fail(expr.span, messages.graphRule(error.message));
    throw error;
  } finally {
    e.builder.origin = origin;
  }
}

function evaluateKind(e: Elaborator, expr: Expr, scope: Scope): Value {
  switch (expr.kind) {
    case 'number':
      return number(expr.value, expr.exact);
    case 'string':
      return { kind: 'string', text: expr.text };
    case 'bool':
      return bool(expr.value);
    case 'none':
      return NONE;
    case 'hole':
      return { kind: 'hole' };
    case 'name':
      return lookup(e, expr.name, expr.span, scope);
    case 'list':
      return list(expr.items.map((item) => evaluate(e, item, scope)));
    case 'record': {
      const fields = new Map<string, Value>();
      for (const field of expr.fields) {
        if (fields.has(field.name.text)) return e.fail(field.name.span, messages.argumentTwice('this record', field.name.text));
        fields.set(field.name.text, evaluate(e, field.value, scope));
      }
      return { kind: 'record', fields };
    }
    case 'unary':
      return elementwise(e, expr.op === '-' ? 'neg' : 'not', evaluate(e, expr.value, scope), expr.span);
    case 'binary':
      return logical(e, expr, scope) ?? binary(e, expr.op, evaluate(e, expr.left, scope), evaluate(e, expr.right, scope), expr.span);
    case 'range':
      return list([evaluate(e, expr.from, scope), evaluate(e, expr.to, scope)]);
    case 'call': {
      if (isEvery(expr, scope)) return evaluateEvery(e, expr, scope);
      const callee = evaluate(e, expr.callee, scope);
      return invoke(e, callee, argumentValues(e, expr.args, scope), expr.span, expr.callee.span, expr.alias?.text);
    }
    case 'pipe': {
      const left: ArgumentValue = { value: evaluate(e, expr.left, scope), span: expr.left.span };
      const { right } = expr;
      if (right.kind === 'call') {
        const callee = evaluate(e, right.callee, scope);
        return invoke(e, callee, [left, ...argumentValues(e, right.args, scope)], right.span, right.callee.span, right.alias?.text ?? expr.alias?.text);
      }
      return invoke(e, evaluate(e, right, scope), [left], right.span, right.span, expr.alias?.text);
    }
    case 'index': {
      if (expr.target.kind === 'name' && expr.target.name === 'E' && !scope.find('E')) {
        if (expr.items.length !== 1 || expr.items[0].kind !== 'at') return e.fail(expr.span, messages.typeForm('E', '`E[value]`'));
        return meanOfAll(e, evaluate(e, expr.items[0].value, scope), expr.span);
      }
      return indexTensor(e, e.force(evaluate(e, expr.target, scope)), expr, scope);
    }
    case 'field':
      return fieldOf(e, evaluate(e, expr.target, scope), expr.name.text, expr.name.span);
    case 'if':
      return choose(e, expr, scope);
    // The parser has said what is wrong there.
    case 'broken':
      return POISON;
  }
}

/** `and`, `or` of static values read their right side only where it counts. */
function logical(e: Elaborator, expr: Extract<Expr, { kind: 'binary' }>, scope: Scope): Value | undefined {
  if (expr.op !== 'and' && expr.op !== 'or') return undefined;
  const left = evaluate(e, expr.left, scope);
  if (left.kind !== 'bool') return binary(e, expr.op, left, evaluate(e, expr.right, scope), expr.span);
  if (left.value === (expr.op === 'or')) return left;
  return evaluate(e, expr.right, scope);
}

function lookup(e: Elaborator, name: string, span: Span, scope: Scope): Value {
  const found = scope.find(name);
  if (found) return found;
  if (name === 'training') return bool(e.evaluation.training);
  if (name === 'batch') return { kind: 'batch' };
  if (name === 'step') return tensor(e.builder.input('step', [], 'f32'), false);
  return e.fail(
    span,
    messages.unknownName(name, [...scope.visible(), ...e.bindings, 'training', 'batch', 'step'], e.frame.kind === 'game' ? e.inputNames : []),
  );
}

function argumentValues(e: Elaborator, args: readonly Argument[], scope: Scope): ArgumentValue[] {
  return args.map((argument) => ({
    name: argument.name?.text,
    nameSpan: argument.name?.span,
    value: evaluate(e, argument.value, scope),
    span: argument.value.span,
  }));
}

function invoke(e: Elaborator, callee: Value, args: readonly ArgumentValue[], span: Span, calleeSpan: Span, alias?: string): Value {
  if (callee.kind === 'poison') return POISON;
  if (!isCallable(callee)) return e.fail(calleeSpan, messages.notCallable(describe(callee)));
  if (args.some((argument) => argument.value.kind === 'hole')) return { kind: 'partial', callee: callee as CallableValue, args, alias, span };
  return call(e, callee, args, span, alias);
}

export function fieldOf(e: Elaborator, target: Value, name: string, span: Span): Value {
  if (target.kind === 'poison') return POISON;
  if (target.kind === 'record') return target.fields.get(name) ?? e.fail(span, messages.noField('this record', name, [...target.fields.keys()]));
  if (target.kind === 'namespace') {
    const found = e.scope.find(`${target.name}.${name}`);
    const prefix = `${target.name}.`;
    return (
      found ??
      e.fail(
        span,
        messages.noField(
          `\`${target.name}\``,
          name,
          [...e.scope.visible()].filter((n) => n.startsWith(prefix)).map((n) => n.slice(prefix.length)),
        ),
      )
    );
  }
  return e.fail(span, messages.noField(describe(target), name, []));
}

function choose(e: Elaborator, expr: IfExpr, scope: Scope): Value {
  const condition = e.force(evaluate(e, expr.condition, scope));
  if (condition.kind === 'poison') return POISON;
  if (condition.kind !== 'bool') return e.fail(expr.condition.span, messages.notBool(describe(condition)));
  if (condition.value) return run(e, expr.then, scope);
  return expr.otherwise ? run(e, expr.otherwise, scope) : NONE;
}

/** Runs a body's statements in a scope; the value of its last statement, if that is an expression. */
export function run(e: Elaborator, body: Body, scope: Scope): Value {
  const defaults = e.frame.defaults;
  let result: Value = NONE;
  let poisoned = false;
  for (const statement of body.statements) {
    result = execute(e, statement, scope);
    if (result.kind === 'poison') {
      poisoned = true;
      // What follows a requirement counts on it.
      if (statement.kind === 'require') break;
    }
  }
  e.frame.defaults = defaults;
  return poisoned && result.kind === 'none' ? POISON : result;
}

function execute(e: Elaborator, statement: Statement, scope: Scope): Value {
  switch (statement.kind) {
    case 'expr':
      return evaluate(e, statement.value, scope);
    case 'bind': {
      const value = evaluate(e, statement.value, scope);
      // `grad(y, v)` must find the very node.
      if (value.kind === 'tensor' && e.frame.differentiated?.has(statement.name.text)) e.builder.keep(value.node);
      scope.names.set(statement.name.text, value);
      return value.kind === 'poison' ? POISON : NONE;
    }
    case 'advance':
      return advance(e, statement.name.text, statement.name.span, evaluate(e, statement.value, scope), statement.value.span);
    case 'state':
      return declareState(e, statement, scope);
    case 'weight':
      return declareWeight(e, statement, scope);
    case 'require':
      return requireHolds(e, statement, scope);
    case 'for':
      return loop(e, statement, scope);
    case 'net':
      scope.names.set(statement.name.text, { kind: 'net', item: statement, scope, path: `${e.frame.weightPath}.${statement.name.text}` });
      return NONE;
    case 'block':
      scope.names.set(statement.name.text, { kind: 'block', item: statement, scope });
      return NONE;
    case 'set':
      return setDefaults(e, statement.calls, scope);
  }
}

/** `set conv(init: normal(0, 0.02))`: defaults of every call from here to the end of the body, at any depth. */
export function setDefaults(e: Elaborator, calls: Extract<Statement, { kind: 'set' }>['calls'], scope: Scope): Value {
  const defaults = new Map(e.frame.defaults);
  for (const change of calls) {
    const callee = evaluate(e, change.callee, scope);
    if (callee.kind === 'poison') continue;
    if (callee.kind !== 'block') {
      e.fail(change.callee.span, messages.setOfOther(describe(callee)));
      continue;
    }
    const name = callee.item.name.text;
    const known = callee.item.params.map((p) => p.name.text);
    const args = argumentValues(e, change.args, scope).filter((argument) => {
      if (argument.name !== undefined && known.includes(argument.name)) return true;
      if (argument.name === undefined) e.fail(argument.span, messages.setUnnamed(name, known));
      else e.fail(argument.nameSpan ?? argument.span, messages.unknownArgument(name, argument.name, known));
      return false;
    });
    defaults.set(name, [...(defaults.get(name) ?? []).filter((old) => !args.some((a) => a.name === old.name)), ...args]);
  }
  e.frame.defaults = defaults;
  return NONE;
}

function loop(e: Elaborator, statement: ForStatement, scope: Scope): Value {
  const over = evaluate(e, statement.over, scope);
  if (over.kind === 'poison') return POISON;
  if (over.kind !== 'list') return e.fail(statement.over.span, messages.notIterable(describe(over)));
  const items = statement.over.kind === 'range' ? rangeItems(e, over.items, statement.over.span) : over.items;
  for (const item of items) {
    scope.names.set(statement.name.text, item);
    if (run(e, statement.body, scope).kind === 'poison') return POISON;
  }
  return NONE;
}

/** `for i in 0..3`: both ends belong to it. */
function rangeItems(e: Elaborator, ends: readonly Value[], span: Span): Value[] {
  const from = integerOf(e, ends[0], span);
  const to = integerOf(e, ends[1], span);
  if (from === undefined || to === undefined || !isListLength(e, to - from + 1, span)) return [];
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => number(from + i));
}

function requireHolds(e: Elaborator, statement: RequireStatement, scope: Scope): Value {
  const condition = e.force(evaluate(e, statement.condition, scope));
  if (condition.kind === 'poison') return POISON;
  if (condition.kind !== 'bool') return e.fail(statement.condition.span, messages.notBool(describe(condition)));
  if (condition.value) return NONE;
  const written = statement.condition.span.source.text.slice(statement.condition.span.start, statement.condition.span.end);
  const text = statement.message ? filledIn(statement.message.text, scope) : `\`${written}\` does not hold`;
  return e.fail(statement.span, messages.requireFailed(text));
}

/** `{name}` in a text becomes the value of that name. */
function filledIn(text: string, scope: Scope, write: (value: Value) => string = show): string {
  return text.replace(/\{([A-Za-z_]\w*)\}/g, (whole, name: string) => {
    const value = scope.find(name);
    return value ? write(value) : whole;
  });
}

function declareWeight(e: Elaborator, statement: WeightStatement, scope: Scope): Value {
  const shape = shapeOf(e, evaluate(e, statement.shape, scope), statement.shape.span);
  if (!shape) return poisonName(scope, statement.name.text);
  const stored = statement.stored ? filledIn(statement.stored.text, scope, (value) => (value.kind === 'string' ? value.text : show(value))) : undefined;
  if (stored !== undefined && !/^[A-Za-z_]\w*$/.test(stored)) {
    e.fail(statement.stored?.span ?? statement.span, messages.storedName(stored));
    return poisonName(scope, statement.name.text);
  }
  return declare(
    e,
    { name: statement.name.text, stored, shape, drawn: statement.drawn, span: statement.span, kind: 'weight' },
    evaluate(e, statement.initial, scope),
    statement.initial.span,
    scope,
  );
}

function declareState(e: Elaborator, statement: StateStatement, scope: Scope): Value {
  const shape = shapeOf(e, evaluate(e, statement.shape, scope), statement.shape.span);
  if (!shape) return poisonName(scope, statement.name.text);
  // Evaluated at the first call alone, and so with uses of its own: the blocks after it are numbered alike in every call.
  const known = e.declared.get(`${e.frame.weightPath}.${statement.name.text}`);
  const frame = { ...e.frame, uses: new Map<string, number>() };
  const initial = known ? NONE : e.within({ frame }, () => evaluate(e, statement.initial, scope));
  return declare(e, { name: statement.name.text, shape, drawn: false, span: statement.span, kind: 'state' }, initial, statement.initial.span, scope);
}

function poisonName(scope: Scope, name: string): Value {
  scope.names.set(name, POISON);
  return POISON;
}

/** Declares a variable at its first use, finds it at later ones, and binds its local name to its value. */
function declare(
  e: Elaborator,
  what: { name: string; stored?: string; shape: number[]; drawn: boolean; span: Span; kind: 'weight' | 'state' },
  initial: Value,
  initialSpan: Span,
  scope: Scope,
): Value {
  const owner = e.frame.net;
  if (owner === undefined && (what.kind === 'weight' || e.frame.kind !== 'game')) {
    e.fail(what.span, messages.weightOutsideNet(what.kind));
    return poisonName(scope, what.name);
  }
  const name = `${e.frame.weightPath}.${what.stored ?? what.name}`;
  let variable = e.declared.get(name);
  if (variable && (variable.shape.length !== what.shape.length || variable.shape.some((length, i) => length !== what.shape[i]))) {
    e.fail(what.span, messages.variableShape(name, variable.shape, what.shape));
    return poisonName(scope, what.name);
  }
  if (!variable) {
    const node = initialNode(e, name, what.shape, initial, what.drawn, initialSpan);
    if (!node) return poisonName(scope, what.name);
    const kind = e.frame.optimizer ? 'optimizer' : what.kind;
    variable = { name, kind, owner: owner ?? 'game', shape: what.shape, dtype: 'f32', span: what.span, frame: e.frame, initial: node } satisfies Declared;
    e.declared.set(name, variable);
  }
  if (what.kind === 'state') e.frame.states.set(what.name, name);
  else if (e.frame.weights.has(name)) e.fail(what.span, warnings.sharedWeight(what.name), 'warning');
  else e.frame.weights.add(name);
  scope.names.set(what.name, tensor(e.read(variable), false));
  return NONE;
}

/** `running_mean <- v`. The state keeps its old value for the rest of this call, and is a constant to `grad`. */
export function advance(e: Elaborator, local: string, nameSpan: Span, given: Value, valueSpan: Span): Value {
  const name = e.frame.states.get(local);
  const variable = name === undefined ? undefined : e.declared.get(name);
  if (!variable) return e.fail(nameSpan, messages.notAState(local, e.frame.states.keys()));
  const value = toTensor(e, given, valueSpan);
  if (!value) return POISON;
  if (value.batched) return e.fail(valueSpan, messages.stateValue(local));
  if (value.node.shape.length > variable.shape.length || size(value.node.shape) > size(variable.shape))
    return e.fail(valueSpan, messages.initialShape(local, variable.shape, value.node.shape));
  const whole = e.builder.broadcastTo(value.node.dtype === variable.dtype ? value.node : e.builder.cast(value.node, variable.dtype), variable.shape);
  e.evaluation.advanced.set(variable.name, whole);
  e.noted.advance(variable.name, whole);
  return NONE;
}
