/** What goes through the queue, and its schemas (JSON schema 2020-12): whoever can write to the queue can send anything. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Job, Outcome } from '../compare/job.js';
import { plainNumbers } from '../compare/results.js';
import type { Progress } from '../train/options.js';
import type { Snapshot } from './snapshot.js';

export const JOB_FORMAT = 'ganc-job/1';

/** What a worker is given. */
export interface Order {
  readonly format: typeof JOB_FORMAT;
  /** Version of ganc that asked. */
  readonly ganc: string;
  /** Where files go: a shared folder has a file of this name that holds this text, so that both sides know that it is the same one. Absent: through the queue. */
  readonly shared?: { readonly file: string; readonly text: string };
  readonly job: Job;
}

const text = { type: 'string', maxLength: 1000 };
const long = { type: 'string', maxLength: 1 << 24 };
const whole = { type: 'integer', minimum: 0 };
/** JSON has no NaN and no infinity: they are texts. */
const number = { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] };
const positive = { type: 'number', exclusiveMinimum: 0 };
const seed = { type: 'string', pattern: '^\\d{1,20}$' };

function object(properties: Readonly<Record<string, object>>, more: object = { additionalProperties: false }): object {
  const names = Object.keys(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name.replace('?', ''), schema])),
    required: names.filter((name) => !name.endsWith('?')),
    ...more,
  };
}

const map = (values: object): object => ({ type: 'object', additionalProperties: values, maxProperties: 1000 });
const list = (items: object): object => ({ type: 'array', items, maxItems: 100_000 });

const statuses = { enum: ['waiting', 'running', 'finished', 'stopped', 'pruned', 'diverged', 'failed'] };
const measured = list(object({ rows: text, examples: whole, metrics: map({}) }, {}));
const curve = list(object({ step: whole, value: number }));
const outcome = {
  status: statuses,
  'message?': long,
  step: whole,
  'steps?': whole,
  seconds: number,
  flops: number,
  'guards?': list({ type: 'object' }),
  'losses?': map(number),
  'measured?': measured,
  curve,
};

/** A run has more in the asker's results, which is of no matter to a worker. */
const run = object(
  { entry: text, spec: text, 'variant?': text, settings: map(text), seed, folder: text, flopsPerStep: number, 'rung?': whole, ...outcome },
  {},
);

const budget = {
  type: 'object',
  oneOf: [
    object({ kind: { const: 'own' } }),
    object({ kind: { const: 'steps' }, steps: whole }),
    object({ kind: { const: 'seconds' }, seconds: positive }),
    object({ kind: { const: 'flops' }, flops: positive }),
  ],
};

const order = object({
  format: { const: JOB_FORMAT },
  ganc: text,
  'shared?': object({ file: { type: 'string', pattern: '^\\.ganc-[0-9a-f]{32}$' }, text }),
  job: object(
    {
      run,
      spec: object({
        label: text,
        name: { type: 'string', maxLength: 200, pattern: '^[^/\\\\\\0]+$' },
        text: long,
        set: map(text),
        hash: { type: 'string', pattern: '^[0-9a-f]{64}$' },
        base: { type: 'string', maxLength: 4096 },
      }),
      share: { ...positive, maximum: 1 },
      budget,
      'metric?': object({ name: text, 'lowest?': { type: 'boolean' }, 'tie?': text }),
      judgeSeed: seed,
      'examples?': { ...whole, maximum: 1e9 },
      'checkpointEvery?': { ...whole, minimum: 1 },
      'guard?': text,
    },
    {},
  ),
});

const snapshot = object({
  'step?': whole,
  files: list(object({ path: text, size: whole, hash: { type: 'string', pattern: '^[0-9a-f]{64}$' } })),
});

const progress = object({ step: whole, steps: whole, rate: number, eta: number, losses: map(number), reports: map(number) });

const ajv = new Ajv2020({ strict: false });
const schemas = {
  order: ajv.compile<Order>(order),
  outcome: ajv.compile<Outcome>(object(outcome)),
  snapshot: ajv.compile<Snapshot>(snapshot),
  progress: ajv.compile<Progress>(progress),
};

interface Kinds {
  readonly order: Order;
  readonly outcome: Outcome;
  readonly snapshot: Snapshot;
  readonly progress: Progress;
}

/** What another machine wrote, or the reason why it is not what it should be. */
export function checked<K extends keyof Kinds>(kind: K, value: unknown): { readonly value: Kinds[K] } | { readonly wrong: string } {
  const validate = schemas[kind];
  if (validate(value)) return { value: value as unknown as Kinds[K] };
  const [error] = validate.errors ?? [];
  return { wrong: `${kind}${error?.instancePath ?? ''} ${error?.message ?? 'is malformed'}` };
}

export function written(value: unknown): string {
  return JSON.stringify(value, plainNumbers);
}

/** Of a text that came through the queue; undefined where it is none of that kind. */
export function read<K extends keyof Kinds>(kind: K, text: string | null | undefined): Kinds[K] | undefined {
  if (!text) return undefined;
  try {
    const found = checked(kind, JSON.parse(text));
    return 'value' in found ? found.value : undefined;
  } catch {
    return undefined;
  }
}
