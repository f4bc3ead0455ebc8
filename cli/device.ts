/** A command's work on a device whose kernels it times: opened, named, and closed whatever comes. */
import type { GpuDevice } from '../runtime/device/open.js';
import { ProgressLine } from './progress.js';
import { err } from './terminal.js';

export interface Session {
  readonly gpu: GpuDevice;
  /** Name and kind. */
  readonly device: string;
  readonly line: ProgressLine;
  /** False where the command is to be quiet. */
  readonly talk: boolean;
}

export async function withTimedDevice({ quiet }: { readonly quiet?: boolean }, work: (session: Session) => Promise<void>): Promise<void> {
  const { openDevice } = await import('../runtime/device/open.js');
  const gpu = await openDevice({ timestamps: true });
  const line = new ProgressLine();
  const talk = !quiet;
  const device = `${gpu.name} (${gpu.kind})`;
  try {
    if (talk) err(`device      ${device}\n`);
    await work({ gpu, device, line, talk });
  } finally {
    line.end();
    gpu.close();
  }
}
