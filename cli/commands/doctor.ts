/** `ganc doctor`: the device in use, what it can do, how to get a better one. */
import { release } from 'node:os';
import { describe } from '../../runtime/device/describe.js';
import { measure } from '../../runtime/device/measure.js';
import { openDevice } from '../../runtime/device/open.js';
import { bytes, count, err, out, table } from '../terminal.js';

export async function doctor(options: { readonly json?: boolean }): Promise<void> {
  const gpu = await openDevice();
  try {
    const device = describe(gpu);
    if (!options.json && err.terminal) err('measuring (some seconds) ...\r');
    const speed = await measure(gpu);
    const host = { node: process.versions.node, platform: `${process.platform} ${process.arch} ${release()}` };
    if (options.json) {
      out(`${JSON.stringify({ device, speed, host }, null, 2)}\n`);
      return;
    }
    if (err.terminal) err('                            \r');
    const { limits, subgroups } = device;
    const rows = [
      ['device', `${device.adapter}: ${device.note}`],
      ['matrix product', `${speed.gemm.gflops.toPrecision(3)} GFLOP/s (${speed.gemm.size} cubed, fp32)`],
      ['copy', `${speed.copy.gigabytesPerSecond.toPrecision(3)} GB/s`],
      ['a dispatch', `${speed.dispatchMicroseconds.toPrecision(2)} us; a round trip ${speed.roundTripMicroseconds.toPrecision(3)} us`],
      ['largest tensor', bytes(limits.maxStorageBufferBindingSize)],
      ['workgroup', `${count(limits.maxComputeInvocationsPerWorkgroup)} invocations, ${bytes(limits.maxComputeWorkgroupStorageSize)} memory`],
      ['subgroups', subgroups ? (subgroups[0] === subgroups[1] ? `${subgroups[0]}` : `${subgroups[0]} to ${subgroups[1]}`) : 'unknown'],
      ['features', device.features.filter((f) => ['shader-f16', 'subgroups', 'timestamp-query'].includes(f)).join(', ') || 'none beyond the standard'],
      ['Node.js', `${host.node} on ${host.platform}`],
    ];
    out(table(rows));
    for (const line of device.advice) out(`\nA better one: ${line}.\n`);
  } finally {
    gpu.close();
  }
}
