/** What the schema cannot say: numbers name things that exist, and every slice lies inside of its buffer. */
import { statsEntries, trainingEntries } from './schedule.js';
import type { Program } from './types.js';

/** The files of a program are missing, damaged, or of another version. */
export class ProgramError extends Error {
  override name = 'ProgramError';
}

const ALIGNMENT = 256;

function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Throws `ProgramError` at the first contradiction. */
export function checkProgram(program: Program): void {
  const wrong = (where: string, what: string): ProgramError => new ProgramError(`program.json is damaged: ${where} ${what}`);
  const { buffers, kernels } = program;

  const slice = (where: string, buffer: number, offset: number, bytes: number): void => {
    const found = buffers[buffer];
    if (found === undefined) throw wrong(where, `names buffer ${buffer}, and there are ${buffers.length}`);
    if (offset % 4 !== 0) throw wrong(where, `begins at byte ${offset}, which is no multiple of 4`);
    if (found.kind !== 'field' && offset + bytes > found.size)
      throw wrong(where, `reaches to byte ${offset + bytes} of buffer ${buffer}, which has ${found.size}`);
  };
  const unique = (what: string, names: readonly string[]): void => {
    const double = names.find((name, i) => names.indexOf(name) !== i);
    if (double !== undefined) throw wrong(what, `'${double}' is there twice`);
  };

  unique(
    'variable',
    program.variables.map((v) => v.name),
  );
  unique(
    'kernel',
    kernels.map((k) => k.id),
  );
  unique(
    'entry',
    program.entries.map((e) => e.name),
  );
  unique('draw', program.draws);

  buffers.forEach((buffer, i) => {
    const where = `buffer ${i}`;
    if (buffer.kind === 'field' && !program.data?.fields.some((field) => field.name === buffer.field))
      throw wrong(where, `holds the data field '${buffer.field}', which the data do not have`);
    if (buffer.kind === 'parameters' && buffer.size < program.parameters.length * 4)
      throw wrong(where, `has ${buffer.size} bytes for ${program.parameters.length} parameters`);
    if (buffer.kind === 'keys' && buffer.size < program.draws.length * 8)
      throw wrong(where, `has ${buffer.size} bytes for the keys of ${program.draws.length} draws`);
    if ((buffer.kind === 'inputs' || buffer.kind === 'outputs') && !program.entries.some((e) => e.name === buffer.entry))
      throw wrong(where, `belongs to the entry '${buffer.entry}', which does not exist`);
  });
  for (const { name, shape, buffer, offset } of program.variables) {
    slice(`variable '${name}'`, buffer, offset, elements(shape) * 4);
    if (buffers[buffer].kind !== 'variables') throw wrong(`variable '${name}'`, `lies in a buffer for ${buffers[buffer].kind}`);
  }
  for (const kernel of kernels)
    if (kernel.bindings[0] !== 'uniform' || kernel.bindings.lastIndexOf('uniform') !== 0)
      throw wrong(`kernel '${kernel.id}'`, 'must have the parameters, and them alone, as its first binding');

  for (const entry of program.entries) {
    for (const { name, shape, buffer, offset, fields = [], differs, agrees } of entry.inputs) {
      for (const field of [...fields, ...[differs, agrees].filter((name) => name !== undefined)])
        if (!program.data?.fields.some((known) => known.name === field))
          throw wrong(`input '${name}' of '${entry.name}'`, `is of the data field '${field}', which the data do not have`);
      slice(`input '${name}' of '${entry.name}'`, buffer, offset, elements(shape) * 4);
      if (buffers[buffer].kind !== 'inputs') throw wrong(`input '${name}' of '${entry.name}'`, `lies in a buffer for ${buffers[buffer].kind}`);
    }
    for (const { name, shape, buffer, offset } of entry.outputs) {
      slice(`output '${name}' of '${entry.name}'`, buffer, offset, elements(shape) * 4);
      if (buffers[buffer].kind !== 'outputs') throw wrong(`output '${name}' of '${entry.name}'`, `lies in a buffer for ${buffers[buffer].kind}`);
    }
    entry.commands.forEach((command, i) => {
      const where = `command ${i} of '${entry.name}'`;
      if (command.kind === 'copy') {
        slice(`the source of ${where}`, command.from.buffer, command.from.offset, command.size);
        slice(`the target of ${where}`, command.to.buffer, command.to.offset, command.size);
        if (command.size % 4 !== 0) throw wrong(where, `copies ${command.size} bytes, which is no multiple of 4`);
        if (command.from.buffer === command.to.buffer) throw wrong(where, 'copies inside of one buffer');
        return;
      }
      const kernel = kernels[command.kernel];
      if (kernel === undefined) throw wrong(where, `names kernel ${command.kernel}, and there are ${kernels.length}`);
      if (command.bindings.length !== kernel.bindings.length)
        throw wrong(where, `has ${command.bindings.length} bindings; kernel '${kernel.id}' has ${kernel.bindings.length}`);
      if (command.workgroups.length !== kernel.candidates.length)
        throw wrong(where, `has ${command.workgroups.length} grids; kernel '${kernel.id}' has ${kernel.candidates.length} candidates`);
      command.bindings.forEach(({ buffer, offset, size }, k) => {
        slice(`binding ${k} of ${where}`, buffer, offset, size);
        if (offset % ALIGNMENT !== 0) throw wrong(`binding ${k} of ${where}`, `begins at byte ${offset}, which is no multiple of ${ALIGNMENT}`);
      });
    });
  }

  const entryNamed = (where: string, name: string | undefined): void => {
    if (name !== undefined && !program.entries.some((entry) => entry.name === name)) throw wrong(where, `names the entry '${name}', which does not exist`);
  };
  entryNamed('the schedule', program.train?.init);
  entryNamed('the schedule', program.train?.shared);
  for (const name of program.train ? [...trainingEntries(program.train), ...statsEntries(program.train)] : []) entryNamed('the schedule', name);
  for (const { name, train } of program.judges ?? []) for (const entry of [train.init, ...trainingEntries(train)]) entryNamed(`judge '${name}'`, entry);
  if (program.metrics) for (const entry of [program.metrics.begin, ...program.metrics.passes, program.metrics.result]) entryNamed('the metrics', entry);
  for (const sample of program.samples) entryNamed(`sample '${sample.name}'`, sample.entry);
}
