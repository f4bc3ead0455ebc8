/** `--init W.safetensors`: weights and states to start from, by name, instead of drawn ones. */
import type { Program, ProgramVariable } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import { readSafetensors, SafetensorsError } from './safetensors.js';

/**
 * Values for the program's variables. Every weight must be there; states, optimizer states and averages may be. A tensor that the program does not know is an
 * error. Averages that the file does not name start as copies of what they average, as they do from drawn weights. Throws RunError listing every mistake.
 */
export async function readInitial(path: string, program: Program): Promise<Map<string, TensorData>> {
  const tensors = await readSafetensors(path);
  const known = new Map(program.variables.filter((v) => v.kind !== 'flat' && v.kind !== 'carry').map((v) => [v.name, v]));
  const problems: string[] = [];
  const values = new Map<string, TensorData>();
  for (const variable of known.values()) {
    if (variable.kind === 'weight' && !tensors.has(variable.name)) {
      const near = suggest(
        variable.name,
        [...tensors.keys()].filter((name) => !known.has(name)),
      );
      problems.push(`${variable.name} [${variable.shape.join(', ')}] is missing${near === undefined ? '' : `; is it the file's ${near}?`}`);
    }
  }
  for (const [name, tensor] of tensors) {
    const variable = known.get(name);
    if (variable === undefined) {
      const near = suggest(name, known.keys());
      problems.push(`${name} [${tensor.shape.join(', ')}] is not a variable of this program${near === undefined ? '' : `; did you mean ${near}?`}`);
      continue;
    }
    if (!sameShape(tensor.shape, variable.shape)) {
      problems.push(`${name} is [${tensor.shape.join(', ')}], the program's is [${variable.shape.join(', ')}]`);
      continue;
    }
    try {
      values.set(name, tensor.as(variable.dtype));
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
      problems.push(error.reason);
    }
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, 12);
    if (shown.length < problems.length) shown.push(`and ${problems.length - shown.length} more`);
    throw new RunError(`${path} does not fit the program ${program.name}`, shown.join('\n  '), '`ganc inspect --json` lists every name and shape');
  }
  for (const average of known.values()) {
    const source = average.kind === 'average' && !values.has(average.name) ? averaged(average, known) : undefined;
    const value = source && values.get(source.name);
    if (value !== undefined) values.set(average.name, value);
  }
  return values;
}

/** What `average.G.fc1.weight` is the average of. */
function averaged(average: ProgramVariable, known: ReadonlyMap<string, ProgramVariable>): ProgramVariable | undefined {
  return average.name.startsWith('average.') ? known.get(average.name.slice('average.'.length)) : undefined;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}
