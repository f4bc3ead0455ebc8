/** What does not fit on the device is refused by name, before anything is trained. */
import { expect, test } from 'vitest';
import { machineOf, surveyGpu } from '../../runtime/compare/survey.js';
import { GpuError } from '../../runtime/device/error.js';
import { fakeProgram } from '../train/fake.js';

test('the first that cannot be met is named, with the reason and what helps', async () => {
  const program = fakeProgram();
  const entries = program.entries.map(({ name }) => name);
  const fits = { label: 'fits', program, entries, fields: [160] };
  expect(await surveyGpu([fits])).toMatch(/\(.+\)$/);
  const large = { ...program, buffers: program.buffers.map((buffer) => (buffer.kind === 'variables' ? { ...buffer, size: 2 ** 50 } : buffer)) };
  const error = await surveyGpu([fits, { ...fits, label: 'gan width=9', program: large }]).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(GpuError);
  const { message, reason, mend } = error as GpuError;
  expect(message).toContain('gan width=9 cannot be trained here: a buffer of 1024.0 TiB');
  expect(reason).toContain('allows');
  expect(mend).toContain('or compare without it (nothing was trained)');
  // Rows count too, where they lie on the device.
  const rows = await surveyGpu([{ ...fits, fields: [2 ** 27, ...Array.from({ length: 2 ** 15 }, () => 2 ** 27)] }]).catch((caught: unknown) => caught);
  if (machineOf('').memory < 2 ** 42 && !/ \(gpu\)$/.test(await surveyGpu([fits]))) expect(String((rows as GpuError).message)).toContain('of GPU memory');
});
