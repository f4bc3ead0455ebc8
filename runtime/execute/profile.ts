/** The times of submits: of the GPU by timestamps, of the host by its clock. What an executor is watched with where its speed is the question. */
import type { Command } from '../../compiler/program/types.js';
import type { GpuDevice } from '../device/open.js';
import { type Interval, Stamps } from './stamps.js';

export type DispatchCommand = Extract<Command, { kind: 'dispatch' }>;

/**
 * Work of the JavaScript thread for one submit: `plan` the draws of rows and what to call, `pack` the inputs, `encode` the commands, `submit` them to the
 * driver, `read` what came back.
 */
export const HOST_WORK = ['plan', 'pack', 'encode', 'submit', 'read'] as const;
export type HostWork = (typeof HOST_WORK)[number];

/** Milliseconds of the machine's steady clock, which the timestamps of software GPUs are of, too. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Takes the times of one submit. */
export interface Probe {
  /** Whether each dispatch is in a compute pass of its own. */
  readonly split: boolean;
  /** Where the timestamps of a pass go that begins with this dispatch. */
  pass(first: DispatchCommand): GPUComputePassTimestampWrites;
  /** Some work of the host that began at `from` and ends now. */
  host(what: HostWork, from: number): void;
}

export interface TimedPass extends Interval {
  /** The first dispatch in it; where passes are split, the only one. */
  readonly command: DispatchCommand;
}

export interface TimedSubmit {
  readonly passes: readonly TimedPass[];
  readonly host: readonly (Interval & { readonly what: HostWork })[];
}

/** Of a submit while it is watched: the first dispatch of each pass, and the number of the pass among all. */
interface Watched {
  readonly passes: { readonly command: DispatchCommand; readonly number: number }[];
  readonly host: (Interval & { readonly what: HostWork })[];
}

export class Stopwatch {
  readonly #stamps: Stamps;
  readonly #submits: Watched[] = [];
  #passes = 0;

  /** Throws GpuError where the device has no timestamps. */
  constructor(gpu: GpuDevice) {
    this.#stamps = new Stamps(gpu);
  }

  /** For the next submit. `split`: every dispatch by itself, which costs some time between them. */
  probe(split: boolean): Probe {
    const submit: Watched = { passes: [], host: [] };
    this.#submits.push(submit);
    return {
      split,
      pass: (command) => {
        submit.passes.push({ command, number: this.#passes++ });
        return this.#stamps.take();
      },
      host: (what, from) => submit.host.push({ what, from, to: clock() }),
    };
  }

  /** The times of all submits since the last reading, in the order in which their probes were made; they must have ended. */
  async read(): Promise<TimedSubmit[]> {
    const submits = this.#submits.splice(0);
    this.#passes = 0;
    const times = await this.#stamps.read();
    return submits.map(({ passes, host }) => ({ passes: passes.map(({ command, number }) => ({ command, ...times[number] })), host }));
  }

  close(): void {
    this.#stamps.close();
  }
}
