/** What a training is told, and what it tells. */
import type { DataRequest, Program } from '../../compiler/program/types.js';
import type { ModeStatistics } from '../data/gaussians.js';
import type { DataSet } from '../data/index.js';
import type { OpenExecutor } from './executor.js';
import type { Traced } from './first-fault.js';
import type { RunRecord } from './folder.js';
import type { GuardReport, GuardWay } from './guards.js';

export interface TrainOptions {
  /** What to train. When resuming it may be left out; given, it must have the hash of the run's own program, which is the one that is used. */
  readonly program?: Program;
  readonly open: OpenExecutor;
  /** Default 0; a resumed run keeps its own. */
  readonly seed?: bigint;
  /** In all, also when resuming. Default: as many as the feed has; else the run's own; else the spec's. */
  readonly steps?: number;
  /**
   * Time in steps after which the training ends, whatever their number: what is compiled, measured and drawn between them does not count. Of a resumed run it
   * counts all sessions. Without `steps` there is no other end.
   */
  readonly seconds?: number;
  /** Judges learn from the rows, and by the draws, of this seed in place of the run's own, so that runs of several seeds are measured by one and the same. */
  readonly judgeSeed?: bigint;
  /** Folder for the run; must be new or empty. Default: the next `<runs>/<name>-<n>`. */
  readonly out?: string;
  /** Default `runs`. */
  readonly runs?: string;
  /** A run's folder, to go on with. */
  readonly resume?: string;
  /** The resolved text, to be kept in the folder. */
  readonly spec?: string;
  /** Folder that paths of the data start from; default the current one. */
  readonly base?: string;
  /** Where weights start: see `readInitial`. */
  readonly init?: readonly string[];
  /** Weights are drawn, also where the program names a file to start from. With `init`, `feed`, `trace` and `overfit` they are so anyway. */
  readonly fromNothing?: boolean;
  /** Safetensors files. */
  readonly feed?: string;
  readonly trace?: string;
  /** Steps after which the trace keeps weights and states. */
  readonly traceSteps?: readonly number[];
  /** Steps between statistics of layers and weights, for which the program must have been compiled. Default: none. */
  readonly stats?: number;
  /** The same rows in every update: does the model learn one batch? */
  readonly overfit?: boolean;
  /** A figure of the spec's metrics, such as `purity`, or `distance:low` where less is better: the checkpoint in which it is best is kept. */
  readonly best?: string;
  /** Measures the spec's metrics at each checkpoint, as `best` does. */
  readonly metrics?: boolean;
  /** What follows an alarm of a guard; default that of the resumed run, else `warn`. */
  readonly guard?: GuardWay;
  /** The program as it was compiled, so that a fault can be told with its line. */
  readonly traced?: () => Traced | undefined;
  /** Steps between checkpoints; default 500. There is always one at the end. */
  readonly checkpointEvery?: number;
  /** Checkpoints kept; default 3. */
  readonly keep?: number;
  /** Steps between pictures; default as checkpoints. 0: none but at the end. */
  readonly sampleEvery?: number;
  /** Steps that may be under way at a time; default 3. */
  readonly inFlight?: number;
  /** When aborted: the step under way is finished, a checkpoint written, and the result has the status `stopped`. */
  readonly signal?: AbortSignal;
  /** Versions to note in run.json: `{ ganc: '0.1.0' }`. Node's own is added. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Sets already loaded, for several runs in one process. */
  readonly cache?: Map<string, Promise<DataSet>>;
  /** Where rows come from, instead of what the spec names. */
  readonly rows?: (request: DataRequest) => DataSet;
  /** Called as data are read, where that takes long: `decoding pictures 120/60000`. */
  readonly loading?: (text: string) => void;
  readonly started?: (info: TrainStart) => void;
  /** Called after every step. */
  readonly progress?: (progress: Progress) => void;
  /** Called with each picture or file of samples. */
  readonly sampled?: (files: readonly string[], figures: ModeStatistics | undefined, step: number) => void;
  /** Called with the metrics of each checkpoint, where they are measured. */
  readonly measured?: (metrics: Readonly<Record<string, number | readonly number[]>>, best: RunRecord['best'], step: number) => void;
  /** Called when all that belongs to a checkpoint is in the folder, its figures and samples too; not at the end. */
  readonly kept?: (step: number) => void;
  /** Called with what a guard says, and what was done. Without it, `warn` hears of it. */
  readonly guarded?: (report: GuardReport) => void;
  readonly warn?: (text: string) => void;
}

export interface TrainStart {
  readonly folder: string;
  readonly device: string;
  /** One line on the data. */
  readonly data?: string;
  /** With `init`: how many of how many weights were given, and which are fresh. */
  readonly init?: { readonly taken: number; readonly weights: number; readonly fresh: readonly string[] };
  /** The file of weights that a new run goes on from. */
  readonly from?: string;
  /** Steps done already, and in all. */
  readonly step: number;
  readonly steps: number;
}

export interface Progress {
  readonly step: number;
  readonly steps: number;
  /** Steps a second, of late; 0 while unknown. */
  readonly rate: number;
  /** Seconds left; infinite while unknown. */
  readonly eta: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly reports: Readonly<Record<string, number>>;
}

export interface TrainResult {
  readonly folder: string;
  readonly status: 'finished' | 'stopped';
  readonly step: number;
  readonly steps: number;
  /** Of the last step of this session, if there was one. */
  readonly losses: Readonly<Record<string, number>>;
  readonly reports: Readonly<Record<string, number>>;
  readonly checkpoint?: string;
  /** What guards have said in the whole run. */
  readonly guards: readonly GuardReport[];
  /** The one that stopped it. */
  readonly stoppedBy?: GuardReport;
  /** Files of the last samples. */
  readonly samples: readonly string[];
  readonly figures?: ModeStatistics;
  readonly seconds: number;
}
