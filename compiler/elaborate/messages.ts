/** Every message of elaboration, with its code: `GAN2xxx` names and values, `GAN3xxx` shapes, `GAN4xxx` the game, its schedule and data. */
import type { Note } from '../../grammar/diagnostics.js';
import { suggest } from '../../grammar/suggest.js';
import type { Shape } from '../graph/node.js';

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly label?: string;
  readonly help?: string;
  readonly notes?: readonly Note[];
}

const shown = (shape: Shape): string => `[${shape.join(', ')}]`;
const names = (list: Iterable<string>): string => [...list].map((n) => `\`${n}\``).join(', ');
const meant = (name: string, candidates: Iterable<string>): string | undefined => {
  const nearest = suggest(name, candidates);
  return nearest && `did you mean \`${nearest}\`?`;
};
const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What is handed over uncalled, as `describe` says it, most often should have been called. */
const callIt = (what: string): string | undefined => {
  const callable = /^(?:net|block) (\w+)$/.exec(what)?.[1];
  return callable && `call it: \`${callable}(...)\``;
};

// ---------------------------------------------------------------- names and values

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
export const gatherShapes = (shared: number, x: Shape, index: Shape): Problem => ({
  code: 'GAN3041',
  message: `rows of ${shown(x)} cannot be taken by the numbers ${shown(index)}: the first ${shared} axes must be alike, and one more must be there`,
});
export const einsumForm = (why: string): Problem => ({
  code: 'GAN3040',
  message: why,
  help: 'such as `einsum("ij,jk->ik", a, b)`: a letter for each axis, without the batch',
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

// ---------------------------------------------------------------- shapes

/** What to change: of feature maps with other channels alone, the channels. */
function broadcastHelp(a: Shape, b: Shape): string {
  const rest = (shape: Shape): string => shape.slice(1).join();
  if (a.length === b.length && a.length > 2 && rest(a) === rest(b) && a[0] !== b[0])
    return `they have ${a[0]} and ${b[0]} channels: bring the first to those of the second, \`conv(${b[0]}, kernel: 1)\``;
  return 'shapes are compared from the last axis; each pair must be equal or have a 1';
}
export const cannotBroadcast = (op: string, a: Shape, b: Shape): Problem => ({
  code: 'GAN3001',
  message: `the shapes of \`${op}\` do not fit: ${shown(a)} and ${shown(b)}`,
  label: `${shown(a)} ${op} ${shown(b)}`,
  help: broadcastHelp(a, b),
});
export const shapesDiffer = (what: string, shapes: readonly Shape[]): Problem => ({
  code: 'GAN3002',
  message: `${what} wants equal shapes, and these are ${shapes.map(shown).join(', ')}`,
});
export const reshapeCount = (from: Shape, to: Shape): Problem => {
  const count = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
  return {
    code: 'GAN3003',
    message: `cannot reshape ${shown(from)} to ${shown(to)}: ${count(from)} elements are not ${count(to)}`,
    label: `${shown(from)} comes in`,
    help: 'one length may be `none`: it takes what is left',
  };
};
export const axisOutside = (axis: number, rank: number): Problem => ({
  code: 'GAN3004',
  message: `there is no axis ${axis}: the value has ${plural(rank, 'axis').replace('axiss', 'axes')}`,
  help: 'axes are counted from 0, without the batch; negative ones from the end',
});
export const axisCount = (count: number, most: number): Problem => ({
  code: 'GAN3022',
  message: `a value has from 0 to ${most} axes, and here ${count} are wanted`,
  label: 'not a number of axes',
});
export const indexOutside = (index: number, length: number): Problem => ({
  code: 'GAN3005',
  message: `index ${index} is outside of an axis of length ${length}`,
  help: length > 0 ? `the first is 0, the last ${length - 1}, or -1 from the end` : undefined,
});
export const emptySlice = (from: number, to: number, length: number): Problem => ({
  code: 'GAN3006',
  message: `the slice ${from}:${to} of an axis of length ${length} is empty`,
});
export const groupsOfBatch = (size: number, rows: number): Problem => ({
  code: 'GAN3020',
  message: `a batch of ${rows} does not divide into groups of ${size}`,
  help: 'take a group that divides the batch',
});
export const uncounted = (what: string): Problem => ({
  code: 'GAN3021',
  message: `how many values there are is not known of ${what}`,
  help: 'name the number, or pass a field of type class[10] or tokens[9, words: 32]',
});
export const notBatched = (callee: string, what: string): Problem => ({
  code: 'GAN3023',
  message: `\`${callee}\` wants a value that each example has of its own, and this is ${what}`,
  help: 'what no row of data and no draw goes into is the same for all examples already',
});
export const tooManyIndices = (given: number, shape: Shape): Problem => ({
  code: 'GAN3007',
  message: `${given} ${given === 1 ? 'index' : 'indices'} for a value of shape ${shown(shape)}`,
  help: 'the batch is not indexed; an axis of length 1 is made by `none`',
});
export const matmulShapes = (a: Shape, b: Shape): Problem => ({
  code: 'GAN3008',
  message: `matmul wants [..., m, k] and [..., k, n], and was given ${shown(a)} and ${shown(b)}`,
});
export const convShapes = (why: string, x: Shape, w: Shape, help?: string): Problem => ({
  code: 'GAN3009',
  message: `convolution of ${shown(x)} with a kernel ${shown(w)}: ${why}`,
  help,
});
function concatHelp(axis: number, shapes: readonly Shape[]): string | undefined {
  if (shapes.some((shape) => shape.length !== shapes[0].length))
    return 'bring them to the same axes first: `expand(reshape(c, n, 1, 1), n, height, width)` makes a picture of a vector';
  const differing = shapes[0].map((_, i) => i).filter((i) => shapes.some((shape) => shape[i] !== shapes[0][i]));
  return differing.length === 1 && differing[0] !== axis ? `along axis ${differing[0]} they fit: \`concat(..., axis: ${differing[0]})\`` : undefined;
}
export const concatShapes = (axis: number, shapes: readonly Shape[]): Problem => ({
  code: 'GAN3010',
  message: `concat along axis ${axis} wants shapes that are equal elsewhere, and these are ${shapes.map(shown).join(', ')}`,
  help: concatHelp(axis, shapes),
});
export const resultShape = (net: string, declared: Shape, found: Shape): Problem => ({
  code: 'GAN3011',
  message: `net \`${net}\` says that it returns ${shown(declared)}, and it returns ${shown(found)}`,
  label: `this is ${shown(found)}`,
});
export const variableShape = (name: string, before: Shape, now: Shape): Problem => ({
  code: 'GAN3012',
  message: `\`${name}\` is ${shown(before)} in an earlier call and would be ${shown(now)} in this one`,
  help: 'a net owns its weights, and every call shares them: its inputs must have the same shapes in each call',
});
export const initialShape = (name: string, shape: Shape, found: Shape): Problem => ({
  code: 'GAN3013',
  message: `\`${name}\` is ${shown(shape)}, and its first value is ${shown(found)}`,
  help: 'the first value has that shape, or is one number for all',
});
export const nonPositive = (what: string, size: number): Problem => ({
  code: 'GAN3014',
  message: `${what} would have size ${size}`,
  label: 'too small',
  help: 'sizes are at least 1, paddings at least 0',
});
export const graphRule = (message: string): Problem => ({ code: 'GAN3015', message });
export const paramShape = (net: string, param: string, declared: Shape, found: Shape): Problem => ({
  code: 'GAN3016',
  message: `\`${net}\` takes \`${param}\` of shape ${shown(declared)}, and was given ${shown(found)}`,
});

// ---------------------------------------------------------------- game, schedule, data

export const notAScalar = (player: string, what: string): Problem => ({
  code: 'GAN4001',
  message: `the objective of ${player} is one number, and this is ${what}`,
  label: 'not a scalar',
  help: 'average over examples and elements: `E[...]`',
});
export const unknownPlayer = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4002',
  message: `no player is called \`${name}\``,
  help: meant(name, known) ?? (known.length > 0 ? `the players are ${names(known)}` : undefined),
});
export const noNetOfPlayer = (name: string, nets: readonly string[]): Problem => ({
  code: 'GAN4003',
  message: `player \`${name}\` moves no net: there is no net of that name`,
  help: meant(name, nets) ?? `say which nets it moves: \`player ${name} = ${nets[0] ?? 'Net'}\``,
});
export const secondObjective = (player: string, first: Note): Problem => ({
  code: 'GAN4004',
  message: `${player} has two objectives`,
  label: 'second objective',
  help: 'add them up in one line',
  notes: [first],
});
export const neverTrained = (player: string): Problem => ({
  code: 'GAN4005',
  message: `${player} has an objective, and no line of \`train\` moves it`,
  help: `add \`${player} with adam(lr: 2e-4)\``,
});
export const noObjective = (player: string): Problem => ({
  code: 'GAN4006',
  message: `\`train\` moves ${player}, and the game gives it no objective`,
  help: `add \`${player} minimizes ...\` to the game`,
});
export const twoOwners = (net: string, a: string, b: string, first: Note): Problem => ({
  code: 'GAN4007',
  message: `net \`${net}\` is moved by two players, ${a} and ${b}`,
  label: `moved by ${b}`,
  help: `one player moves a net, and any may call it: take \`${net}\` out of one of the two lines`,
  notes: [first],
});
export const noOwner = (net: string, callers: readonly string[]): Problem => ({
  code: 'GAN4008',
  message: `no player moves net \`${net}\`, which has weights`,
  help:
    callers.length > 0
      ? `it is reached from ${callers.map((caller) => (caller === 'game' ? 'the game' : `\`${caller}\``)).join(', ')}: say who moves it, such as \`player ${callers[0] === 'game' ? 'G' : callers[0]} = ${callers[0] === 'game' ? 'G' : callers[0]}, ${net}\``
      : undefined,
});
export const readsNothing = (player: string): Problem => ({
  code: 'GAN4009',
  message: `the objective of ${player} has no gradient for any weight that ${player} moves`,
  label: 'nothing to learn here',
  help: `call a net of ${player} in it; behind \`stop\` or a comparison nothing is learned`,
});
export const gradUnreached = (): Problem => ({
  code: 'GAN4010',
  message: 'the first value does not depend on the second, so the gradient is zero',
  label: 'not reached',
  help: 'bind the value first, and call the net on that very name: `mix = ...`, `grad(D(mix), mix)`',
});
export const settingMissing = (name: string, example: string): Problem => ({
  code: 'GAN4011',
  message: `\`train\` says no \`${name}\``,
  help: `add \`${example}\``,
});
export const unknownSetting = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4012',
  message: `\`train\` knows no \`${name}\``,
  help: meant(name, known) ?? `it knows ${names(known)}`,
});
export const onlyOnce = (what: string): Problem => ({
  code: 'GAN4013',
  message: `a spec has one \`${what}\``,
  label: 'second one',
  help: 'put all its lines into one',
});
export const unknownType = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4014',
  message: `there is no field type \`${name}\``,
  help: meant(name, known) ?? `types are ${names(known)}`,
});
export const typeForm = (name: string, form: string): Problem => ({ code: 'GAN4015', message: `\`${name}\` is written ${form}` });
export const untypedParam = (net: string, param: string): Problem => ({
  code: 'GAN4016',
  message: `the shape of \`${param}\` of net \`${net}\` is not known`,
  help: `give it one: \`net ${net}(${param}: [3, 8])\``,
});
export const unknownNet = (name: string, nets: readonly string[]): Problem => ({
  code: 'GAN4017',
  message: `this spec has no net \`${name}\``,
  help: meant(name, nets) ?? (nets.length > 0 ? `its nets are ${names(nets)}` : undefined),
});
export const movedBeforeUse = (binding: string, player: string): Problem => ({
  code: 'GAN4018',
  message: `\`shared ${binding}\` would be used after ${player} has moved a net in it`,
  help: `let ${player} come last in \`train\`, or bind it without \`shared\``,
});
export const notAnOptimizer = (name: string): Problem => ({
  code: 'GAN4021',
  message: `\`${name}\` is not an optimizer: one takes the weights and their gradient, and returns new weights`,
  help: 'such as `adam(lr: 2e-4)` or `sgd(lr: 0.01)`',
});
export const batchedObjective = (player: string): Problem => ({
  code: 'GAN4023',
  message: `the objective of ${player} has one value for each example`,
  label: 'batched',
  help: 'average over examples: `E[...]`',
});
export const unusedBinding = (name: string): Problem => ({
  code: 'GAN4024',
  message: `nothing reads \`${name}\``,
  label: 'never used',
  help: 'read it in an objective or report, or take it out',
});
export const averageDecay = (what: string): Problem => ({
  code: 'GAN4025',
  message: `the decay of an average is a number from 0 to below 1, or made of \`step\`, and this is ${what}`,
  help: 'such as `average 0.999`',
});
export const updatedTwice = (player: string): Problem => ({
  code: 'GAN4026',
  message: `${player} has two lines in \`train\``,
  help: `for several updates in a row write \`${player} with ..., times 5\``,
});
export const sampleValue = (what: string): Problem => ({
  code: 'GAN4027',
  message: `a sample is a value for each example, or a record of them, and this is ${what}`,
  help: callIt(what) ?? 'such as `sample digit = G(z)`',
});
export const unknownVariant = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4029',
  message: `this spec has no variant \`${name}\``,
  help: meant(name, known) ?? (known.length > 0 ? `its variants are ${names(known)}` : 'it declares none'),
});
export const tooLong = (length: number, most: number): Problem => ({
  code: 'GAN2032',
  message: `a list of ${length} elements is too long`,
  help: `lists and loops are unrolled at compile time; the most is ${most}`,
});
export const everyOutside = (): Problem => ({
  code: 'GAN4030',
  message: '`every` counts the updates of a player, and this is not part of an objective',
  label: 'no update here',
  help: 'write it in the game, in a line with `minimizes` or `maximizes`, or in what such a line reads',
});
export const settingTwice = (name: string): Problem => ({
  code: 'GAN4031',
  message: `\`train\` says \`${name}\` twice`,
  label: 'said before',
  help: 'take one of the two out',
});
export const phasesTooLong = (phases: number, steps: number): Problem => ({
  code: 'GAN4032',
  message: `the phases have ${phases} steps, and the whole training ${steps}`,
  label: 'too long',
  help: `\`steps\` counts those of the phases too: write \`steps ${phases}\` or more`,
});
export const nothingAfterPhases = (phases: number, steps: number): Problem => ({
  code: 'GAN4033',
  message: `the phases end after ${phases} of ${steps} steps, and then no player moves`,
  help: `write \`steps ${phases}\`, or the players' lines for the rest`,
});
export const notInPhase = (what: string): Problem => ({
  code: 'GAN4034',
  message: `a phase lists the players that move, and this is ${what}`,
  help: 'as in `phase warm steps 500 { D with adam(lr: 2e-4) }`',
});
export const accumulateShared = (name: string): Problem => ({
  code: 'GAN4035',
  message: `\`shared ${name}\` is evaluated once a step, and \`accumulate\` wants several batches in a step`,
  help: 'leave one of the two out',
});
export const idleUpdates = (player: string): Problem => ({
  code: 'GAN4036',
  message: `the objective of ${player} is nothing but \`every\`, so in most updates there is nothing to move`,
  help: 'take a term out of `every`, or let the player move less often',
});

// ---------------------------------------------------------------- fields

export const maskShape = (mask: Shape, value: Shape, reduced: Shape): Problem => ({
  code: 'GAN3030',
  message: `a mask of shape ${shown(mask)} does not fit a value of shape ${shown(value)}`,
  help: `it has the lengths of the axes that are reduced, ${shown(reduced)}, or goes with every element`,
});
export const notAField = (callee: string, what: string, fields: readonly string[]): Problem => ({
  code: 'GAN4050',
  message: `\`${callee}\` takes fields of the data, and this is ${what}`,
  label: 'not a field',
  help: fields.length > 0 ? `the fields are ${names(fields)}` : 'this spec has no data',
});
export const presentOfComputed = (field: string): Problem => ({
  code: 'GAN4051',
  message: `this is computed from \`${field}\`, which is optional, and is not the field itself`,
  label: 'present or not?',
  help: `write \`present(${field})\`, or hand that number over beside the value`,
});
export const absentShare = (share: number): Problem => ({
  code: 'GAN4052',
  message: `\`optional\` says in which share of the examples the field is absent, and this is ${share}`,
  help: 'a number from 0 to below 1, such as `optional 0.2`',
});
export const judgeFields = (judge: string, known: readonly string[]): Problem => ({
  code: 'GAN4037',
  message: `judge \`${judge}\` does not say which class fields it learns`,
  help: `write \`judge ${judge}(x) -> {${known.join(', ') || 'label'}} { ... }\``,
});
export const notAClass = (field: string, known: readonly string[]): Problem => ({
  code: 'GAN4038',
  message: `a judge learns class fields of the data, and \`${field}\` is none`,
  help: meant(field, known) ?? (known.length > 0 ? `the class fields are ${names(known)}` : 'the data has no field of type class[n]'),
});
export const judgeInput = (judge: string, param: string, fields: readonly string[]): Problem => ({
  code: 'GAN4039',
  message: `judge \`${judge}\` learns from real rows, and the data has no field \`${param}\``,
  help: meant(param, fields) ?? (fields.length > 0 ? `its parameters are named after fields: ${names(fields)}` : 'a judge needs a `data` block'),
});
export const judgeCalls = (judge: string, net: string): Problem => ({
  code: 'GAN4040',
  message: `judge \`${judge}\` calls net \`${net}\`, whose weights are moved by the game`,
  help: `a judge is apart from the game: make \`${net}\` a block, so that each use has weights of its own`,
});
export const judgeScores = (judge: string, field: string, classes: number | undefined, found: string): Problem => ({
  code: 'GAN4041',
  message: `judge \`${judge}\` is to give ${classes === undefined ? 'a score for each class' : `${classes} scores`} of \`${field}\`, and gives ${found}`,
  help: `end with \`linear(${classes ?? 10})\`, or a record: \`{ ${field}: h |> linear(${classes ?? 10}) }\``,
});
export const judgeInGame = (judge: string): Problem => ({
  code: 'GAN4042',
  message: `\`${judge}\` is a judge, and the game calls it`,
  help: 'judges are for metrics; what a player is to learn from is a net',
});
export const metricValue = (metric: string, found: string): Problem => ({
  code: 'GAN4043',
  message: `a metric is one number or a few, and \`${metric}\` is ${found}`,
  help: 'average over examples: `E[...]`, or reduce with `axis: batch`',
});
export const comparedOutside = (): Problem => ({
  code: 'GAN4044',
  message: 'sets of features can only be compared in a metric, over all its examples',
  help: 'in a game, compare within the batch: `feature_matching(real, made)`',
});
export const noFeatures = (what: string): Problem => ({
  code: 'GAN4045',
  message: `features are a vector for each example, or several, and this is ${what}`,
  help: '`flatten` what is no vector; what is reduced over the examples already cannot be compared',
});
export const featuresDiffer = (real: number, made: number): Problem => ({
  code: 'GAN4046',
  message: `features of both sets are of one length, and these are of ${real} and of ${made}`,
  help: 'take both from the same judge',
});
export const tooManyFeatures = (found: number, most: number): Problem => ({
  code: 'GAN4047',
  message: `sets of features are compared on the host, and ${found} numbers an example are too many`,
  label: `more than ${most}`,
  help: 'take features from a later layer, or `global_average_pool` them',
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
