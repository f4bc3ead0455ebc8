import { expect, test } from 'vitest';
import { describe as describeDevice } from '../../runtime/device/describe.js';
import { measure } from '../../runtime/device/measure.js';
import { openDevice } from '../../runtime/device/open.js';

test('what the doctor says of a device', async () => {
  const gpu = await openDevice();
  const description = describeDevice(gpu);
  expect(description).toMatchObject({ kind: gpu.kind, adapter: gpu.name, limits: { maxBufferSize: gpu.limits.maxBufferSize } });
  expect(description.advice.every((line) => line.length > 0)).toBe(true);

  const { gemm, copy, dispatchMicroseconds, roundTripMicroseconds } = await measure(gpu);
  for (const number of [gemm.gflops, copy.gigabytesPerSecond, dispatchMicroseconds, roundTripMicroseconds]) {
    expect(number).toBeGreaterThan(0);
    expect(number).toBeLessThan(1e6);
  }
  expect(gpu.failure).toBeUndefined();
  gpu.close();
});
