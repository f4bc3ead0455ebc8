/** `metrics.jsonl` as it grows: each time only what was added is read. */
import { open } from 'node:fs/promises';
import { type Line, parseLine } from '../train/metrics.js';

/** Bytes before the place that was read up to, by which it is known that the file is still the same. */
const MARK = 64;

export class Tail {
  private readonly lines: Line[] = [];
  /** Bytes of whole lines that were read. */
  private done = 0;
  private mark = Buffer.alloc(0);

  constructor(private readonly path: string) {}

  /** All records so far. A line without its end waits for it; of a file that was cut or replaced all is read again. */
  async read(): Promise<readonly Line[]> {
    const file = await open(this.path).catch(() => undefined);
    if (file === undefined) {
      this.forget();
      return this.lines;
    }
    try {
      const { size } = await file.stat();
      const from = this.done - this.mark.length;
      const part = async (at: number): Promise<Buffer> => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - at)), 0, Math.max(0, size - at), at);
        return buffer.subarray(0, bytesRead);
      };
      let added = await part(from);
      if (added.subarray(0, this.mark.length).equals(this.mark)) added = added.subarray(this.mark.length);
      else {
        this.forget();
        added = await part(0);
      }
      const whole = added.subarray(0, added.lastIndexOf(10) + 1);
      if (whole.length === 0) return this.lines;
      for (const line of whole.toString('utf8').split('\n')) {
        const record = parseLine(line);
        if (record !== undefined) this.lines.push(record);
      }
      this.done += whole.length;
      this.mark = Buffer.from(whole.subarray(-MARK));
      return this.lines;
    } finally {
      await file.close();
    }
  }

  private forget(): void {
    this.lines.length = 0;
    this.done = 0;
    this.mark = Buffer.alloc(0);
  }
}
