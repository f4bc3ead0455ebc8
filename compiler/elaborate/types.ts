/** Field types: `image[1, 28, 28]`, `class[10]`, `[3, 8]`. */
import type { Expr, TypeExpr } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Elaborator } from './elaborator.js';
import { evaluate } from './evaluate.js';
import * as messages from './messages.js';
import type { Scope } from './scope.js';
import { integerOf, sizeOf } from './sizes.js';
import type { FieldType } from './values.js';

interface TypeForm {
  readonly form: string;
  /** How many lengths it is written with; undefined: any number. */
  readonly rank?: number;
  readonly dtype: 'f32' | 'i32';
  readonly range?: readonly [number, number];
}

const forms: Readonly<Record<string, TypeForm>> = {
  image: { form: '`image[channels, height, width]`', rank: 3, dtype: 'f32', range: [-1, 1] },
  video: { form: '`video[channels, frames, height, width]`', rank: 4, dtype: 'f32', range: [-1, 1] },
  audio: { form: '`audio[frames, bands]`', rank: 2, dtype: 'f32' },
  vector: { form: '`vector[length]`', rank: 1, dtype: 'f32' },
  tensor: { form: '`tensor[a, b, ...]`', dtype: 'f32' },
  tokens: { form: '`tokens[length, words: 32]`', rank: 1, dtype: 'i32' },
  class: { form: '`class[count]`', rank: 1, dtype: 'i32' },
};

interface WrittenType {
  readonly name?: string;
  readonly span: Span;
  readonly nameSpan: Span;
  readonly items: readonly { readonly name?: string; readonly value: Expr }[];
}

/** The type of a data field or a net's result. */
export function typeOfResult(e: Elaborator, type: TypeExpr, scope: Scope): FieldType | undefined {
  return typeOf(
    e,
    { name: type.name?.text, span: type.span, nameSpan: type.name?.span ?? type.span, items: type.args.map((a) => ({ name: a.name?.text, value: a.value })) },
    scope,
  );
}

/** The type after the colon of a net's parameter, where the grammar has an expression. */
export function typeOfExpr(e: Elaborator, expr: Expr, scope: Scope): FieldType | undefined {
  if (expr.kind === 'list') return typeOf(e, { span: expr.span, nameSpan: expr.span, items: expr.items.map((value) => ({ value })) }, scope);
  if (expr.kind === 'index' && expr.target.kind === 'name') {
    const items = expr.items.map((item) =>
      item.kind === 'at' ? { value: item.value } : { name: item.from?.kind === 'name' ? item.from.name : '?', value: item.to ?? expr.target },
    );
    return typeOf(e, { name: expr.target.name, span: expr.span, nameSpan: expr.target.span, items }, scope);
  }
  e.fail(expr.span, messages.typeForm('a type', '`[3, 8]` or `image[1, 28, 28]`'));
  return undefined;
}

function typeOf(e: Elaborator, written: WrittenType, scope: Scope): FieldType | undefined {
  const name = written.name ?? 'tensor';
  const form = forms[name];
  if (!form || !Object.hasOwn(forms, name)) {
    e.fail(written.nameSpan, messages.unknownType(name, Object.keys(forms)));
    return undefined;
  }
  const lengths: number[] = [];
  const args: Record<string, number> = {};
  for (const item of written.items) {
    const value = evaluate(e, item.value, scope);
    if (item.name === undefined) {
      const length = sizeOf(e, value, item.value.span);
      if (length === undefined) return undefined;
      lengths.push(length);
    } else if (name === 'tokens' && item.name === 'words') {
      const words = integerOf(e, value, item.value.span);
      if (words === undefined) return undefined;
      args.words = words;
    } else {
      e.fail(item.value.span, messages.unknownArgument(name, item.name, name === 'tokens' ? ['words'] : []));
      return undefined;
    }
  }
  if (form.rank !== undefined && lengths.length !== form.rank) {
    e.fail(written.span, messages.typeForm(name, form.form));
    return undefined;
  }
  if (name === 'class') return { name, shape: [], dtype: 'i32', args: { classes: lengths[0] }, range: [0, lengths[0] - 1] };
  if (name === 'tokens' && args.words !== undefined) return { name, shape: lengths, dtype: form.dtype, args, range: [0, args.words - 1] };
  return { name, shape: lengths, dtype: form.dtype, args, range: form.range };
}
