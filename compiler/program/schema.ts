/** JSON schema (2020-12) of `program.json`. Kernel texts stand in files of their own, so a candidate has `file` where the types have `wgsl`. */

const index = { type: 'integer', minimum: 0 };
const text = { type: 'string' };
const shape = { type: 'array', items: { type: 'integer', minimum: 0 } };
const dtype = { enum: ['f32', 'i32', 'u32', 'bool'] };
const setting = { type: ['number', 'boolean', 'string'] };
const settings = { type: 'object', additionalProperties: setting };
const range = { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 };
const triple = { type: 'array', items: index, minItems: 3, maxItems: 3 };

function list(items: object): object {
  return { type: 'array', items };
}

/** An object with exactly these properties; names that end in `?` may be absent. */
function object(properties: Readonly<Record<string, object>>): object {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace('?', ''), schema])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    additionalProperties: false,
  };
}

const storage = {
  type: 'object',
  required: ['kind'],
  oneOf: [object({ kind: { const: 'u8' }, scale: { type: 'number' }, offset: { type: 'number' } }), object({ kind: { enum: ['f32', 'i32'] } })],
};

const field = object({
  name: text,
  type: text,
  shape,
  args: { type: 'object', additionalProperties: { type: 'number' } },
  storage,
  'range?': range,
  'judged?': { const: true },
  'optional?': { type: 'number', minimum: 0, maximum: 1 },
});

const slot = { name: text, dtype, shape, buffer: index, offset: index };

const dispatch = object({
  kind: { const: 'dispatch' },
  kernel: index,
  bindings: list(object({ buffer: index, offset: index, size: index })),
  workgroups: list(triple),
  label: text,
  flops: { type: 'number', minimum: 0 },
  bytes: { type: 'number', minimum: 0 },
});

const place = object({ buffer: index, offset: index });
const copy = object({ kind: { const: 'copy' }, from: place, to: place, size: index });

const command = { type: 'object', required: ['kind'], if: { properties: { kind: { const: 'copy' } } }, then: copy, else: dispatch };

const entries = { entry: text, 'gradient?': text, 'stats?': text };
const updates = list(
  object({
    player: text,
    ...entries,
    times: { type: 'integer', minimum: 1 },
    'every?': list(object({ periods: { ...list({ type: 'integer', minimum: 1 }), minItems: 1 }, ...entries })),
  }),
);

const train = object({
  batch: { type: 'integer', minimum: 1 },
  steps: index,
  'start?': text,
  'shared?': text,
  'sharedStats?': text,
  updates,
  'phases?': list(object({ name: text, steps: { type: 'integer', minimum: 1 }, updates })),
  'accumulate?': { type: 'integer', minimum: 2 },
  init: text,
  reports: list(object({ name: text, player: text })),
  sharedBatch: { type: 'boolean' },
});

const judge = object({ name: text, hash: text, fields: list(text), train });
const metrics = object({
  batch: { type: 'integer', minimum: 1 },
  begin: text,
  passes: list(text),
  result: text,
  figures: list(object({ name: text, shape, 'rows?': { type: 'boolean' } })),
  'features?': list(object({ name: text, shape, pass: index, 'fixed?': { type: 'boolean' } })),
  'compared?': list(object({ name: text, way: text, real: text, made: text, neighbours: { type: 'integer', minimum: 1 } })),
});

export const programSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'ganc program',
  ...object({
    format: { const: 'ganc-program/1' },
    name: text,
    hash: text,
    hyper: settings,
    'data?': object({ name: text, source: text, args: settings, fields: list(field) }),
    noises: list(object({ name: text, shape, 'family?': { enum: ['normal', 'uniform', 'one_hot'] }, 'range?': range })),
    variables: list(
      object({
        name: text,
        kind: { enum: ['weight', 'state', 'optimizer', 'average', 'judge', 'flat', 'carry'] },
        'player?': text,
        shape,
        dtype,
        buffer: index,
        offset: index,
      }),
    ),
    buffers: list(
      object({ kind: { enum: ['variables', 'scratch', 'inputs', 'outputs', 'parameters', 'keys', 'field'] }, size: index, 'field?': text, 'entry?': text }),
    ),
    parameters: list({ type: 'integer', minimum: 0, maximum: 4294967295 }),
    draws: list(text),
    kernels: list(
      object({
        id: { type: 'string', pattern: '^[A-Za-z0-9_]+$' },
        bindings: list({ enum: ['uniform', 'read', 'read_write'] }),
        candidates: {
          ...list(
            object({
              name: { type: 'string', pattern: '^[A-Za-z0-9_]+$' },
              file: { type: 'string', pattern: '^kernels/[A-Za-z0-9_.]+\\.wgsl$' },
              workgroupSize: triple,
              'requires?': object({ 'features?': list(text), 'subgroupSize?': index }),
              'textures?': list(index),
              'table?': { enum: ['hardware', 'never'] },
            }),
          ),
          minItems: 1,
        },
      }),
    ),
    entries: list(
      object({
        name: text,
        inputs: list(object({ kind: { enum: ['counter', 'step', 'rows', 'tensor'] }, ...slot, 'fields?': list(text), 'differs?': text, 'agrees?': text })),
        outputs: list(object(slot)),
        commands: list(command),
      }),
    ),
    'train?': train,
    'judges?': list(judge),
    'metrics?': metrics,
    samples: list(
      object({
        name: text,
        entry: text,
        count: { type: 'integer', minimum: 1 },
        outputs: list(object({ name: text, 'type?': text, shape, 'range?': range })),
      }),
    ),
  }),
};
