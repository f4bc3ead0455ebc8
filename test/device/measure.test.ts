import { expect, test } from 'vitest';
import { describe as describeDevice } from '../../runtime/device/describe.js';
import { gemmKernels, measure } from '../../runtime/device/measure.js';
import { GPUBufferUsage, GPUMapMode, openDevice } from '../../runtime/device/open.js';

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

test('the kernels that are timed do multiply', async () => {
  const gpu = await openDevice();
  const { device } = gpu;
  const n = 64;
  const a = Float32Array.from({ length: n * n }, (_, i) => ((i * 7) % 13) - 6);
  const b = Float32Array.from({ length: n * n }, (_, i) => ((i * 5) % 11) - 5);
  const wanted = Float32Array.from({ length: n * n }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[Math.floor(i / n) * n + k] * b[k * n + (i % n)];
    return sum;
  });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const buffers = [0, 1, 2].map(() => device.createBuffer({ size: n * n * 4, usage: STORAGE | COPY_SRC | COPY_DST }));
  const back = device.createBuffer({ size: n * n * 4, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(buffers[0], 0, a);
  device.queue.writeBuffer(buffers[1], 0, b);
  for (const { kernel, code, x, y } of gemmKernels(gpu, n)) {
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(buffers[2]);
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })) }),
    );
    pass.dispatchWorkgroups(x, y);
    pass.end();
    encoder.copyBufferToBuffer(buffers[2], 0, back, 0, n * n * 4);
    device.queue.submit([encoder.finish()]);
    await gpu.settle(back.mapAsync(GPUMapMode.READ));
    expect(new Float32Array(back.getMappedRange().slice(0)), kernel).toEqual(wanted);
    back.unmap();
  }
  gpu.close();
});
