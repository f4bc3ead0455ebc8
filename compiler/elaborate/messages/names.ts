/** Names, values and text: GAN2000-2999. */
import type { Note } from '../../../grammar/diagnostics.js';
import { callIt, meant, names, type Problem, plural } from './words.js';

export const unknownName = (name: string, visible: Iterable<string>, inputs: readonly string[] = []): Problem => ({
  code: 'GAN2001',
  message: `nothing is called \`${name}\` here`,
  label: 'unknown name',
  help: meant(name, visible) ?? (inputs.length > 0 ? `the fields and noises of this spec are ${names(inputs)}` : undefined),
});
export const unknownArgument = (callee: string, name: string, known: readonly string[]): Problem => ({
  code: 'GAN2002',
  message: `\`${callee}\` has no argument \`${name}\``,
  label: 'unknown argument',
  help: meant(name, known) ?? (known.length > 0 ? `its arguments are ${names(known)}` : `\`${callee}\` takes no named argument`),
});
export const missingArgument = (callee: string, name: string, form: string): Problem => ({
  code: 'GAN2003',
  message: `\`${callee}\` needs \`${name}\``,
  label: `\`${name}\` is missing`,
  help: `write ${form}`,
});
export const tooManyArguments = (callee: string, given: number, form: string): Problem => ({
  code: 'GAN2004',
  message: `\`${callee}\` was given ${plural(given, 'argument')}, more than it takes`,
  label: 'too many',
  help: `its form is ${form}`,
});
export const argumentTwice = (callee: string, name: string): Problem => ({
  code: 'GAN2005',
  message: `\`${callee}\` was given \`${name}\` twice`,
  label: 'given before',
  help: 'a named argument also counts when it stands in its place',
});
export const notCallable = (what: string): Problem => ({
  code: 'GAN2006',
  message: `${what} cannot be called`,
  label: 'not a net, block or function',
  help: 'a product is written with `*`, an element of a list or tensor with `[ ]`',
});
export const notATensor = (what: string): Problem => ({
  code: 'GAN2007',
  message: `a tensor is wanted here, and this is ${what}`,
  label: 'not a tensor',
  help: what === 'none' ? 'an `if` without `else` gives `none` where its condition does not hold' : callIt(what),
});
export const badOperand = (op: string, what: string): Problem => ({
  code: 'GAN2008',
  message: `\`${op}\` does not work on ${what}`,
  label: 'not this kind of value',
  help: callIt(what),
});
export const notFinite = (op: string, a: number, b: number): Problem => ({ code: 'GAN2009', message: `\`${a} ${op} ${b}\` is not a finite number` });
export const outsideDomain = (name: string, x: number): Problem => ({ code: 'GAN2010', message: `\`${name}(${x})\` is not a finite number` });
export const notASize = (what: string, why?: string): Problem => ({
  code: 'GAN2011',
  message: why ? `this size is not whole: ${why}` : `a size is a whole number, and this is ${what}`,
  label: 'not a whole number',
  help: why ? 'change one of the two so that it divides; sizes are never rounded' : undefined,
});
export const notForEachAxis = (what: string, count: number): Problem => ({
  code: 'GAN2045',
  message: `${plural(count, 'number')} ${count === 1 ? 'is' : 'are'} wanted here, one for each axis, and this is ${what}`,
  label: 'another number of them',
  help: 'one number stands for all axes',
});
export const notNumber = (what: string): Problem => ({
  code: 'GAN2012',
  message: `a number known at compile time is wanted here, and this is ${what}`,
  label: 'not a number',
});
export const notBool = (what: string): Problem => ({
  code: 'GAN2013',
  message: `a condition is \`true\` or \`false\` at compile time, and this is ${what}`,
  label: 'not known at compile time',
  help: 'to choose element by element write `where(condition, a, b)`',
});
export const recordsDiffer = (a: readonly string[], b: readonly string[]): Problem => {
  const only = (some: readonly string[], others: readonly string[]): string => names(some.filter((name) => !others.includes(name))) || 'nothing more';
  return {
    code: 'GAN2014',
    message: `these records have different fields: {${a.join(', ')}} and {${b.join(', ')}}`,
    label: 'field by field',
    help: `the first alone has ${only(a, b)}, the second alone ${only(b, a)}`,
  };
};
export const noField = (what: string, field: string, known: readonly string[]): Problem => ({
  code: 'GAN2015',
  message: `${what} has no field \`${field}\``,
  label: 'unknown field',
  help: meant(field, known) ?? (known.length > 0 ? `it has ${names(known)}` : undefined),
});
export const requireFailed = (text: string): Problem => ({ code: 'GAN2016', message: text });
export const declaredTwice = (what: string, name: string, first: Note): Problem => ({
  code: 'GAN2017',
  message: `${what} \`${name}\` is declared twice`,
  label: 'second time',
  help: 'give one of the two another name, or take it out',
  notes: [first],
});
export const noResult = (kind: string, name: string): Problem => ({
  code: 'GAN2018',
  message: `${kind} \`${name}\` ends without a result`,
  help: 'its last line is its result: end with the value itself, such as `h`',
});
export const noneHandedOn = (block: string): Problem => ({
  code: 'GAN2018',
  message: `\`${block}\` gives \`none\` here`,
  label: 'no result',
  help: 'it was given `none` in the place of a value',
});
export const cannotIndex = (what: string): Problem => ({
  code: 'GAN2019',
  message: `${what} cannot be indexed`,
  label: 'not a list or tensor',
  help: callIt(what),
});
export const notIterable = (what: string): Problem => ({
  code: 'GAN2021',
  message: `\`for\` goes over a list or a range, and this is ${what}`,
  help: 'write `for i in range(4) { ... }`',
});
export const recursion = (name: string): Problem => ({
  code: 'GAN2022',
  message: `\`${name}\` uses itself`,
  label: 'without end',
  help: 'nets are unrolled at compile time: repeat with `for i in range(n) { ... }`',
});
export const notAState = (name: string, known: Iterable<string>): Problem => ({
  code: 'GAN2023',
  message: `\`<-\` advances a state, and \`${name}\` is not a state declared here`,
  label: 'not a state',
  help: meant(name, known) ?? 'to give a name to a value write `=`',
});
export const unknownHyper = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN2024',
  message: `this spec has no hyper \`${name}\``,
  help: meant(name, known) ?? (known.length > 0 ? `its hypers are ${names(known)}` : 'it declares none: `hyper width = 64`'),
});
export const notStatic = (name: string, what: string): Problem => ({
  code: 'GAN2025',
  message: `a hyper is a number, a truth value or a text, and \`${name}\` is ${what}`,
});
export const unsupported = (what: string, instead: string): Problem => ({ code: 'GAN2026', message: what, help: instead });
export const stateValue = (name: string): Problem => ({
  code: 'GAN2027',
  message: `state \`${name}\` is one for all examples, and this value has one for each`,
  label: 'batched',
  help: 'reduce it over the batch: `mean(v, axis: batch)`',
});
export const weightOutsideNet = (kind: string): Problem => ({
  code: 'GAN2028',
  message: `a ${kind} belongs to a net, and this is used outside of any`,
  help: 'move the call into a `net`: a net owns its weights',
});
export const storedName = (text: string): Problem => ({
  code: 'GAN2040',
  message: `a weight cannot be stored as "${text}"`,
  help: 'a name has letters, digits and _, and begins with no digit; `{i}` in it stands for the value of i',
});
export const extendsCircle = (files: readonly string[]): Problem => ({
  code: 'GAN2029',
  message: `\`extends\` goes in a circle: ${files.join(' extends ')}`,
  label: 'back to where it began',
  help: 'a spec cannot be its own parent: take out one of these lines',
});
export const cannotRead = (path: string, why: string): Problem => ({ code: 'GAN2030', message: `cannot read "${path}": ${why}` });
export const notAnInitialiser = (what: string): Problem => ({
  code: 'GAN2031',
  message: `right of \`~\` stands a distribution, and this is ${what}`,
  help: 'such as `~ normal(0, 0.02)`; for a fixed value write `=`',
});
export const tooLong = (length: number, most: number): Problem => ({
  code: 'GAN2032',
  message: `a list of ${length} elements is too long`,
  help: `lists and loops are unrolled at compile time; the most is ${most}`,
});
export const hyperChoices = (): Problem => ({
  code: 'GAN2041',
  message: 'a search cannot draw a value from this',
  help: 'write a list of values of its kind, `[8, 16, 32]`, two numbers, `0.1..0.9`, or `log(1e-5, 1e-3)`',
});
export const setUnnamed = (callee: string, known: readonly string[]): Problem => ({
  code: 'GAN2043',
  message: '`set` changes defaults by name, and this has none',
  label: 'without a name',
  help: `write \`set ${callee}(name: value)\`; its arguments are ${names(known)}`,
});
export const setOfOther = (what: string): Problem => ({
  code: 'GAN2044',
  message: `\`set\` changes the defaults of a block, and this is ${what}`,
  label: 'not a block',
  help: 'such as `set conv(init: normal(0, 0.02))`',
});
