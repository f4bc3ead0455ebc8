/** `ganc sample RUN --in F.safetensors`: fields given by the user in place of held-out rows. */
import type { Program, SamplePlan } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { rowBytesOf } from '../data/columns.js';
import type { DataSet } from '../data/index.js';
import { tensorFields } from '../data/tensors.js';
import { RunError } from './errors.js';
import { usedFields } from './rows.js';
import { readSafetensors } from './safetensors.js';

export interface Given {
  /** The rows of the file; what is absent is zeros. */
  readonly data: DataSet;
  /** Optional fields that the file leaves out. */
  readonly absent: ReadonlySet<string>;
}

/**
 * Fields of the data by name, [rows, ...shape of the field]; those that the sample reads are all there but for optional ones. Throws RunError,
 * SafetensorsError or DataError.
 */
export async function readGiven(path: string, program: Program, plan: SamplePlan): Promise<Given> {
  const requests = program.data?.fields ?? [];
  const names = [...(await readSafetensors(path)).keys()];
  const known = requests.map((field) => field.name);
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined || names.length === 0) {
    const near = strange === undefined ? undefined : suggest(strange, known);
    throw new RunError(
      `${path} does not fit the sample '${plan.name}'`,
      strange === undefined ? 'it holds no tensors' : `${strange} is no field of the data`,
      near === undefined ? `fields are ${known.join(', ') || 'none'}` : `did you mean ${near}?`,
    );
  }
  const fields = await tensorFields(
    path,
    requests.filter((field) => names.includes(field.name)),
  );
  const [{ count }] = fields.values();
  const read = usedFields(program, [plan.entry]);
  const left = requests.filter((field) => read.includes(field.name) && !names.includes(field.name));
  const missing = left.filter((field) => field.optional === undefined).map((field) => field.name);
  if (missing.length > 0) {
    throw new RunError(
      `${path} does not fit the sample '${plan.name}'`,
      `it leaves out ${missing.join(', ')}, which the sample reads`,
      'give all fields but optional ones, or leave --in out for held-out rows',
    );
  }
  for (const field of left) {
    const rowBytes = rowBytesOf(field);
    fields.set(field.name, { count, rowBytes, bytes: new Uint8Array(count * rowBytes) });
  }
  return { data: { count, heldOut: 0, fields, describe: `${count} rows of ${path}` }, absent: new Set(left.map((field) => field.name)) };
}
