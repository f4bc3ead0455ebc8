/** A program as files and back: `program.json` and one WGSL text a candidate. What is read is checked against the schema and for sense. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { programSchema } from './schema.js';
import { PROGRAM_FORMAT, type Program } from './types.js';
import { checkProgram, ProgramError } from './validate.js';

export { ProgramError } from './validate.js';

const MAIN = 'program.json';
/** JSON is laid out over lines down to this depth. */
const LINES_TO_DEPTH = 4;
const MAX_FAULTS = 5;

function fileOf(id: string, candidate: string, first: boolean): string {
  return first ? `kernels/${id}.wgsl` : `kernels/${id}.${candidate}.wgsl`;
}

/** Paths relative to the artifact's folder, and contents. The same program gives the same files. */
export function toFiles(program: Program): Map<string, string> {
  const files = new Map<string, string>();
  const kernels = program.kernels.map(({ id, bindings, candidates }) => ({
    id,
    bindings,
    candidates: candidates.map(({ wgsl, ...rest }, i) => {
      const file = fileOf(id, rest.name, i === 0);
      files.set(file, wgsl);
      const { name, workgroupSize, requires, textures, table } = rest;
      const more = {
        ...(requires === undefined ? {} : { requires }),
        ...(textures === undefined ? {} : { textures }),
        ...(table === undefined ? {} : { table }),
      };
      return { name, file, workgroupSize, ...more };
    }),
  }));
  return new Map([[MAIN, `${layOut({ ...program, kernels }, '', 0)}\n`], ...files]);
}

function layOut(value: unknown, indent: string, depth: number): string {
  const isList = Array.isArray(value);
  if (typeof value !== 'object' || value === null || depth >= LINES_TO_DEPTH || (isList && value.every((item) => typeof item !== 'object')))
    return JSON.stringify(value);
  const inner = `${indent}  `;
  const items = isList
    ? value.map((item) => layOut(item, inner, depth + 1))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${JSON.stringify(key)}: ${layOut(item, inner, depth + 1)}`);
  const [open, close] = isList ? '[]' : '{}';
  return items.length === 0 ? `${open}${close}` : `${open}\n${items.map((item) => `${inner}${item}`).join(',\n')}\n${indent}${close}`;
}

let validate: ValidateFunction<Stored> | undefined;

type Stored = Omit<Program, 'kernels'> & {
  readonly kernels: readonly (Omit<Program['kernels'][number], 'candidates'> & {
    readonly candidates: readonly (Omit<Program['kernels'][number]['candidates'][number], 'wgsl'> & { readonly file: string })[];
  })[];
};

/** The program in these files. Throws `ProgramError`, which says what is wrong and where, for anything but a whole program of this version. */
export function fromFiles(files: ReadonlyMap<string, string>): Program {
  const text = files.get(MAIN);
  if (text === undefined) throw new ProgramError(`there is no ${MAIN}: compile the spec again`);
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw new ProgramError(`${MAIN} is no JSON (${(error as Error).message}): compile the spec again`);
  }
  const format = typeof stored === 'object' && stored !== null && 'format' in stored ? stored.format : undefined;
  if (format !== PROGRAM_FORMAT) {
    throw new ProgramError(`${MAIN} is of format ${JSON.stringify(format) ?? 'unknown'}, and this version reads '${PROGRAM_FORMAT}': compile the spec again`);
  }
  // Compiled at the first use: a training that begins anew reads no program.
  validate ??= new Ajv2020({ allErrors: false, strict: false }).compile<Stored>(programSchema);
  if (!validate(stored)) {
    const faults = (validate.errors ?? [])
      .slice(0, MAX_FAULTS)
      .map(
        (e) => `${e.instancePath === '' ? 'it' : e.instancePath} ${e.message}${'additionalProperty' in e.params ? ` ('${e.params.additionalProperty}')` : ''}`,
      );
    throw new ProgramError(`${MAIN} is damaged: ${faults.join('; ')}`);
  }
  const kernels = stored.kernels.map(({ id, bindings, candidates }) => ({
    id,
    bindings,
    candidates: candidates.map(({ file, ...rest }) => {
      const wgsl = files.get(file);
      if (wgsl === undefined) throw new ProgramError(`${file} is missing: compile the spec again`);
      return { ...rest, wgsl };
    }),
  }));
  const program: Program = { ...stored, kernels };
  checkProgram(program);
  return program;
}
