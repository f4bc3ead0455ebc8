/** Warnings about values: functions outside of their domain, and fakes that cannot be where the data is. */
import { ANY, type Interval, interval } from '../graph/interval.js';
import type { Node } from '../graph/node.js';
import { Ranges } from '../graph/ranges.js';
import type { Elaborator } from './elaborator.js';
import type { Problem } from './messages.js';
import { type Domain, domains, type NetResult } from './noted.js';
import type { FieldType } from './values.js';
import * as warnings from './warnings.js';

/** `types` are the fields of the data. Call it when everything has been evaluated without an error. */
export function checkRanges(e: Elaborator, types: ReadonlyMap<string, FieldType>): void {
  const ranges = rangesOf(e, types);
  checkDomains(e, ranges);
  checkFakes(e, ranges);
}

// ---------------------------------------------------------------- what is known of leaves

function rangesOf(e: Elaborator, types: ReadonlyMap<string, FieldType>): Ranges {
  const rangeOfType = (type: FieldType | undefined): Interval => (type?.range ? interval(...type.range, true) : ANY);
  const states = statesFromZero(e);
  const leaf = ({ operation }: Node): Interval => {
    if (operation.op === 'field') return rangeOfType(types.get(operation.field));
    if (operation.op === 'variable') return states.has(operation.name) ? interval(0, Infinity) : ANY;
    // Fed: `D.x`.
    if (operation.op === 'input') return operation.name === 'step' ? interval(0, Infinity, true) : rangeOfType(types.get(operation.name.split('.')[1]));
    return ANY;
  };
  for (;;) {
    const ranges = new Ranges(leaf);
    const broken = [...states].filter((name) => e.noted.advances.get(name)?.some((node) => ranges.of(node).low < 0));
    if (broken.length === 0) return ranges;
    for (const name of broken) states.delete(name);
  }
}

/** States that are looked at and start at 0 or above. They stay there where each advance, given that, does. */
function statesFromZero(e: Elaborator): Set<string> {
  const states = new Set<string>();
  const initial = new Ranges(() => ANY);
  const seen = new Set<Node>();
  const open: Node[] = [...e.noted.domains.map((d) => d.argument), ...e.noted.results.keys()];
  for (let node = open.pop(); node; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    open.push(...node.inputs);
    const { operation } = node;
    if (operation.op !== 'variable' || states.has(operation.name)) continue;
    const declared = e.declared.get(operation.name);
    if (declared?.kind !== 'state' || initial.of(declared.initial).low < 0) continue;
    states.add(operation.name);
    open.push(...(e.noted.advances.get(operation.name) ?? []));
  }
  return states;
}

// ---------------------------------------------------------------- domains

interface Fault {
  readonly domain: Domain;
  readonly range: Interval;
  /** The net whose result it is that lies outside. */
  readonly net?: NetResult;
}

/** One warning for each net that ends in the wrong range, and one for each other place. */
function checkDomains(e: Elaborator, ranges: Ranges): void {
  const byNet = new Map<string, Fault[]>();
  const infinite: Domain[] = [];
  for (const domain of e.noted.domains) {
    const least = domains.get(domain.name.split(' ')[0]) as number;
    const range = ranges.of(domain.argument);
    if (range.low < least && !isUnknown(domain.argument, ranges)) {
      const net = resultIn(e, domain.argument, (result) => ranges.of(result).low < least);
      if (net) byNet.set(net.net, [...(byNet.get(net.net) ?? []), { domain, range, net }]);
      else warn(e, domain, warnings.outsideOfDomain(domain.name, shown(range)));
    } else if (range.low === least && range.atLow && domain.name !== 'sqrt' && !domain.name.startsWith('^')) infinite.push(domain);
  }
  // A place has one warning.
  for (const domain of infinite)
    if (!e.diagnostics.list.some((d) => d.span === e.placeOf(domain.span, domain.frame)))
      warn(e, domain, warnings.infiniteAt(domain.name, domains.get(domain.name) as number));
  for (const [name, faults] of byNet) {
    const [first, ...others] = faults.map(({ domain }) => domain);
    const net = faults[0].net as NetResult;
    const place = e.placeOf(first.span, first.frame);
    const elsewhere = others.map((other) => e.placeOf(other.span, other.frame)).filter((span) => span.source !== place.source || span.start !== place.start);
    const also = new Map(elsewhere.map((span) => [span.start, { message: 'and here', span }]));
    const end = { message: `\`${name}\` ends here`, span: net.span };
    warn(e, first, warnings.netOutsideOfDomain(first.name, name, shown(faults[0].range), [end, ...also.values()]));
  }
}

function warn(e: Elaborator, { span, frame }: Domain, problem: Problem): void {
  e.within({ frame }, () => e.fail(span, problem, 'warning'));
}

/** What a value is computed from, nearest first, up to products with weights, and not beyond what `stop` holds of. */
function* sources(node: Node, stop: (inner: Node) => boolean): Iterable<Node> {
  const seen = new Set<Node>([node]);
  for (const inner of seen) {
    yield inner;
    if (inner.operation.op === 'matmul' || inner.operation.op === 'conv' || stop(inner)) continue;
    for (const input of inner.inputs) seen.add(input);
  }
}

/** True where a value comes, element by element, from what nothing is known of: a field without a range, or a tensor of a file. */
function isUnknown(node: Node, ranges: Ranges): boolean {
  for (const inner of sources(node, () => false)) {
    const { op } = inner.operation;
    if ((op === 'field' || op === 'input') && ranges.of(inner).low === -Infinity) return true;
  }
  return false;
}

/** The net whose result a value is computed from, if that result is at fault. */
function resultIn(e: Elaborator, node: Node, atFault: (result: Node) => boolean): NetResult | undefined {
  for (const inner of sources(node, (part) => e.noted.results.has(part))) {
    const result = e.noted.results.get(inner);
    if (result && atFault(inner)) return result;
  }
  return undefined;
}

// ---------------------------------------------------------------- fakes

/** What a net makes is held against the data that goes to the same parameter of another net, and against the type that it says it returns. */
function checkFakes(e: Elaborator, ranges: Ranges): void {
  const warned = new Set<string>();
  const hold = (node: Node, result: NetResult, wanted: readonly [number, number], what: string, notes: Problem['notes']): void => {
    const made = ranges.of(node);
    // A made value that may be anywhere is let pass: StyleGAN2 ends without tanh.
    const slack = 1e-3 * (wanted[1] - wanted[0]);
    if (warned.has(result.net) || (made.low <= wanted[0] + slack && made.high >= wanted[1] - slack)) return;
    warned.add(result.net);
    const problem = warnings.fakeRange(result.net, shown(made), what, shown(interval(...wanted)), wanted[0] === -1 && wanted[1] === 1, notes);
    e.within({ frame: result.frame.caller ?? result.frame }, () => e.fail(result.span, problem, 'warning'));
  };
  for (const fake of e.noted.given) {
    const result = e.noted.results.get(fake.value.node);
    if (!result) continue;
    const real = e.noted.given.find(({ net, parameter, value }) => net === fake.net && parameter === fake.parameter && value.node.operation.op === 'field');
    const { operation } = real?.value.node ?? {};
    if (operation?.op !== 'field' || !real?.value.type?.range) continue;
    const places = [
      { message: `\`${fake.net}\` is given the data here`, span: e.placeOf(real.span, real.frame) },
      { message: `and what \`${result.net}\` makes here`, span: e.placeOf(fake.span, fake.frame) },
    ];
    hold(fake.value.node, result, real.value.type.range, `the data's \`${operation.field}\` is`, places);
  }
  for (const [node, result] of e.noted.results)
    if (result.type?.range) hold(node, result, result.type.range, `the values of \`${result.type.name}\` are`, undefined);
}

/** An interval in words. */
function shown({ low, high }: Interval): string {
  const number = (x: number): string => String(Number(x.toPrecision(4)));
  if (low === -Infinity && high === Infinity) return 'any number';
  if (high === Infinity) return `${number(low)} or more`;
  if (low === -Infinity) return `${number(high)} or less`;
  return low === high ? number(low) : `${number(low)} to ${number(high)}`;
}
