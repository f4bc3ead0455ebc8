/** Checks a plan before it is given out: every command reads what it is meant to read, and nothing that WebGPU would refuse. */
import type { Node } from '../graph/node.js';
import type { Program } from '../program/types.js';
import { isZero, written } from '../rewrite/prune.js';
import type { PlannedEntry } from './entry.js';
import { describe } from './error.js';
import { ELEMENT_BYTES, overlap, type Range } from './memory.js';

interface Content {
  readonly node: Node;
  readonly range: Range;
}

function fault(entry: string, what: string): Error {
  return new Error(`the plan of '${entry}' is wrong: ${what}`);
}

/** What lies where, as the commands of one entry change it. */
class Memory {
  private contents: Content[] = [];

  write(node: Node, range: Range): void {
    this.contents = this.contents.filter((content) => !overlap(content.range, range));
    this.contents.push({ node, range });
  }

  /** True where the range holds the value: as written, or untouched since before the call. */
  holds(node: Node, range: Range): boolean {
    const value = written(node);
    const { operation } = value;
    if (operation.op === 'variable' || operation.op === 'input') return !this.contents.some((content) => overlap(content.range, range));
    const exact = (n: Node, r: Range): boolean =>
      this.contents.some((content) => content.node === n && content.range.buffer === r.buffer && content.range.offset === r.offset);
    if (operation.op !== 'pack' || exact(value, range)) return exact(value, range);
    return value.inputs.every((input, i) => {
      if (isZero(input) || input.shape.includes(0)) return true;
      const inner = written(input);
      return exact(inner, { buffer: range.buffer, offset: range.offset + operation.offsets[i] * ELEMENT_BYTES, size: 0 });
    });
  }
}

/**
 * Runs the commands over a memory that knows what lies where. Throws where a command reads a value that is not there (not written yet, or
 * overwritten), a result is not in its place at the end, a range leaves its buffer, or a dispatch binds memory in a way that WebGPU refuses.
 */
export function verifyPlan(program: Program, planned: readonly PlannedEntry[]): void {
  for (const { entry, traces, results } of planned) {
    const memory = new Memory();
    entry.commands.forEach((command, index) => {
      const where = command.kind === 'dispatch' ? `command ${index} (${program.kernels[command.kernel].id}, ${command.label})` : `command ${index} (copy)`;
      for (const { node, range } of traces[index].reads)
        if (!memory.holds(node, range)) throw fault(entry.name, `${where} reads ${describe(node)}, which is not there`);
      for (const { node, range } of traces[index].writes) memory.write(node, range);
      if (command.kind === 'dispatch') checkBindings(program, command, (what) => fault(entry.name, `${where} ${what}`));
    });
    for (const { node, range } of results)
      if (!memory.holds(node, range)) throw fault(entry.name, `the result ${describe(node)} is not in its place at the end`);
  }
}

type Dispatch = Extract<Program['entries'][number]['commands'][number], { kind: 'dispatch' }>;

function checkBindings(program: Program, command: Dispatch, wrong: (what: string) => Error): void {
  const { bindings } = program.kernels[command.kernel];
  if (bindings.length !== command.bindings.length) throw wrong(`has ${command.bindings.length} bindings and its kernel ${bindings.length}`);
  command.bindings.forEach((range, i) => {
    const buffer = program.buffers[range.buffer];
    if (buffer.kind !== 'field' && range.offset + range.size > buffer.size)
      throw wrong(`binds bytes ${range.offset} to ${range.offset + range.size} of a buffer of ${buffer.size}`);
    if (range.offset % 256 !== 0) throw wrong(`binds at byte ${range.offset}, which is no multiple of 256`);
    if (bindings[i] !== 'read_write') return;
    command.bindings.forEach((other, j) => {
      if (i === j || other.buffer !== range.buffer) return;
      if (bindings[j] !== 'read_write') throw wrong(`binds buffer ${range.buffer} both for reading and for writing`);
      if (overlap(range, other)) throw wrong(`binds overlapping ranges of buffer ${range.buffer}`);
    });
  });
}
