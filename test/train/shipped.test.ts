/** Weights that ship with specs fit them. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { readStart } from '../../runtime/train/weights.js';
import { root } from '../cli/support.js';

const specs = join(root, 'specs');
const starting = readdirSync(specs).filter((name) => name.endsWith('.gan') && /\bstart "/.test(readFileSync(join(specs, name), 'utf8')));

test.each(starting)('%s goes on from small weights of its own, some steps before its end', async (name) => {
  const { module } = compileSpec({ name: join(specs, name), text: readFileSync(join(specs, name), 'utf8') });
  const program = lower(module as NonNullable<typeof module>);
  const path = join(specs, program.train?.start as string);
  const { step, weights } = await readStart(path, program);
  expect(weights.fresh).toEqual([]);
  expect(step).toBeLessThan(program.train?.steps as number);
  expect(statSync(path).size).toBeLessThan(3e6);
});
