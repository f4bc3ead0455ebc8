import { beforeAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { lower } from '../../compiler/plan/lower.js';
import { fromFiles, ProgramError, toFiles } from '../../compiler/program/serialise.js';
import type { Program } from '../../compiler/program/types.js';
import { generator } from '../graph/numeric.js';
import { fn, moduleOf, weight } from '../plan/support.js';

let program: Program;
let files: Map<string, string>;

beforeAll(() => {
  const b = new Builder();
  const w = b.variable('w', [4, 8], 'f32');
  const x = b.input('x', [2, 4], 'f32');
  const y = b.reshape(b.matmul(b.reshape(x, [1, 2, 4]), b.reshape(w, [1, 4, 8])), [2, 8]);
  program = lower(moduleOf([fn('run', { y: b.unary('tanh', y), r: b.random('z', [3]) }, { w: b.scale(w, 0.5) })], [weight('w', [4, 8])]));
  files = toFiles(program);
});

// biome-ignore lint/suspicious/noExplicitAny: damage of any kind is the point.
type Json = Record<string, any>;

/** The message with which a changed `program.json` is refused. */
function refused(change: (json: Json) => void): string {
  const json = JSON.parse(files.get('program.json')!);
  change(json);
  try {
    fromFiles(new Map([...files, ['program.json', JSON.stringify(json)]]));
  } catch (error) {
    if (error instanceof ProgramError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a program as files', () => {
  it('comes back as it was', () => {
    expect(fromFiles(files)).toEqual(JSON.parse(JSON.stringify(program)));
    expect([...files.keys()].filter((path) => path.endsWith('.wgsl')).length).toBe(program.kernels.reduce((sum, k) => sum + k.candidates.length, 0));
  });

  it('says what is damaged', () => {
    expect(refused((p) => (p.format = 'ganc-program/0'))).toMatch(/format "ganc-program\/0".*compile the spec again/);
    expect(refused((p) => delete p.entries)).toMatch(/must have required property 'entries'/);
    expect(refused((p) => (p.entries[0].extra = 1))).toMatch(/additional properties \('extra'\)/);
    expect(refused((p) => (p.entries[0].commands[0].kernel = 99))).toMatch(/command 0 of 'run' names kernel 99/);
    expect(refused((p) => (p.entries[0].commands[0].bindings[1].buffer = 77))).toMatch(/names buffer 77/);
    expect(refused((p) => (p.entries[0].commands[0].bindings[1].size = 1e6))).toMatch(/reaches to byte/);
    expect(refused((p) => (p.variables[0].offset = 4096))).toMatch(/variable 'w' reaches to byte/);
    expect(refused((p) => (p.kernels[0].candidates[0].file = '../../secret'))).toMatch(/must match pattern/);
    expect(refused((p) => (p.kernels[0].candidates[0].file = 'kernels/none.wgsl'))).toMatch(/kernels\/none.wgsl is missing/);
    expect(() => fromFiles(new Map())).toThrow(/there is no program.json/);
    expect(() => fromFiles(new Map([['program.json', '{"format": ']]))).toThrow(/is no JSON/);
  });

  it('survives any damage to one character with a ProgramError or a program', () => {
    const random = generator(3);
    const text = files.get('program.json')!;
    for (let i = 0; i < 400; i++) {
      const at = Math.floor(random() * text.length);
      const damaged = `${text.slice(0, at)}${String.fromCharCode(32 + Math.floor(random() * 95))}${text.slice(at + 1)}`;
      try {
        fromFiles(new Map([...files, ['program.json', damaged]]));
      } catch (error) {
        expect(error).toBeInstanceOf(ProgramError);
      }
    }
  });
});
