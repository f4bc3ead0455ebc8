/** From a spec's `data` block to rows in memory, laid out as the program's data buffers want them. */
import { resolve } from 'node:path';
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { type Arguments, heldOutOf, numberOf, type Rule, readArguments, textOf } from './args.js';
import { BOUNCING_ARGS, BOUNCING_TYPES, bouncingRows } from './bouncing.js';
import { clipRows } from './clips.js';
import { type Column, checkColumn, type FieldRows, packColumn, rowElements, typeText } from './columns.js';
import { DataError } from './error.js';
import { GRID, grid, points, RING, ring } from './gaussians.js';
import { imageRows } from './images.js';
import { type DataManifest, manifestOf } from './manifest.js';
import { digitFolder, idxFiles, packagedDigits } from './mnist.js';
import { epochOrder } from './order.js';
import { tensorFields } from './tensors.js';
import type { Sound } from './wav.js';

export type { FieldRows } from './columns.js';
export { DataError } from './error.js';

/** Something that happens in a clip and can be heard: a digit meets a wall. */
export interface Bounce {
  /** From 0. */
  readonly frame: number;
  readonly wall: 'left' | 'right' | 'top' | 'bottom';
  /** Which of the clip's digits, from 0. */
  readonly digit: number;
}

/**
 * Rows 0 to count-1 are for training; the `heldOut` rows after them are kept from it, for pictures and figures. Where there are `unseen` rows, they come
 * last: of a kind, such as pairs of a digit and a motion, that neither of the others have.
 */
export interface DataSet {
  readonly count: number;
  readonly heldOut: number;
  readonly unseen?: number;
  /** Every field with all count + heldOut + unseen rows. */
  readonly fields: ReadonlyMap<string, FieldRows>;
  /** What the numbers mean, where they are not pixels: for a run to keep. */
  readonly manifest?: DataManifest;
  /** The sound of a row as samples, where the source has sounds. */
  readonly soundOf?: (row: number) => Sound;
  /** Bounces of a row in the order of their frames, where the source knows them. */
  readonly bouncesOf?: (row: number) => readonly Bounce[];
  /** What else people should know, a line each. */
  readonly notes?: readonly string[];
  /** One line for people: `mnist: 9000 rows (1000 held out), x: image[1, 28, 28]`. */
  readonly describe: string;
}

/** What rows are for: `unseen` ones are of a kind that no training row has. */
export type RowKind = 'training' | 'held_out' | 'unseen';

/** Where rows of a kind lie: without one, the held-out ones, or those for training where none are held out. */
export function rowsOfKind(data: DataSet, kind?: RowKind): { readonly kind: RowKind; readonly first: number; readonly count: number } {
  const { count, heldOut, unseen = 0 } = data;
  switch (kind ?? (heldOut > 0 ? 'held_out' : 'training')) {
    case 'training':
      return { kind: 'training', first: 0, count };
    case 'held_out':
      return { kind: 'held_out', first: count, count: heldOut };
    case 'unseen':
      return { kind: 'unseen', first: count + heldOut, count: unseen };
  }
}

export interface LoadOptions {
  /** Makes generated sets; the order of rows is not its matter. */
  readonly seed: bigint;
  /** Folder that paths of the request start from; by default the current one. */
  readonly base?: string;
  /** Also the fields that only judges read. */
  readonly judged?: boolean;
  /** A run's own: words have the numbers that they have there. */
  readonly manifest?: DataManifest;
  /** Sets already loaded, for several runs in one process. */
  readonly cache?: Map<string, Promise<DataSet>>;
  /** Hears what takes long, as it goes on: `decoding pictures 120/60000`. */
  readonly progress?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

/** What a source is given. */
export interface Context extends Pick<LoadOptions, 'manifest' | 'progress' | 'warn'> {
  readonly request: DataRequest;
  readonly args: Arguments;
  readonly seed: bigint;
  readonly base: string;
}

/** What a source delivers: all rows of every field, the unseen ones last. */
export interface Loaded extends Pick<DataSet, 'fields' | 'unseen' | 'soundOf' | 'bouncesOf' | 'notes'> {
  /** By field, what the run is to keep. */
  readonly facts?: DataManifest['fields'];
}

interface Source {
  readonly args: Readonly<Record<string, Rule>>;
  /** Field types that it delivers; undefined where any goes. */
  readonly types?: readonly string[];
  readonly load: (context: Context) => Promise<Loaded>;
}

const COUNT: Rule = { kind: 'whole', least: 1, most: 2 ** 31 - 1, says: 'number of rows used' };
const STD = (otherwise: number): Rule => ({ kind: 'number', otherwise, above: 0, says: 'standard deviation of a mode' });
const POINTS: Rule = { kind: 'whole', otherwise: 100_000, least: 1, most: 50_000_000, says: 'number of points' };

const SOURCES: ReadonlyMap<string, Source> = new Map<string, Source>([
  [
    'mnist',
    {
      args: { path: { kind: 'text', path: true, says: 'folder of IDX files' }, count: COUNT },
      types: ['image', 'class'],
      load: async (context) => {
        const path = textOf(context.args, 'path');
        const columns =
          path === undefined ? new Map(Object.entries(await packagedDigits())) : await digitFolder(resolve(context.base, path), wantedTypes(context.request));
        return { fields: mixed(context, columns) };
      },
    },
  ],
  [
    'idx',
    {
      args: {
        images: { kind: 'text', path: true, says: 'IDX file of pictures' },
        labels: { kind: 'text', path: true, says: 'IDX file of labels' },
        count: COUNT,
      },
      types: ['image', 'class'],
      load: async (context) => ({ fields: mixed(context, await idxFiles(namedFiles(context))) }),
    },
  ],
  [
    'images',
    {
      args: {
        path: { kind: 'text', required: true, path: true, says: 'folder of pictures' },
        crop: { kind: 'text', otherwise: 'center', among: ['center', 'none'], says: 'way to the wanted ratio of sides' },
        count: COUNT,
      },
      types: ['image', 'class'],
      load: async ({ request, args, base, progress, warn }) => ({
        fields: await imageRows(resolve(base, textOf(args, 'path') as string), request.fields, {
          crop: textOf(args, 'crop') as 'center' | 'none',
          count: args.get('count') as number | undefined,
          progress,
          warn,
        }),
      }),
    },
  ],
  ['bouncing_mnist', { args: BOUNCING_ARGS, types: BOUNCING_TYPES, load: bouncingRows }],
  [
    'clips',
    {
      args: {
        path: { kind: 'text', required: true, path: true, says: 'folder of clips' },
        crop: { kind: 'text', otherwise: 'center', among: ['center', 'none'], says: 'way to the wanted ratio of sides' },
        fps: { kind: 'number', above: 0, below: 1000, says: 'frames taken of a second' },
        short: { kind: 'text', otherwise: 'refuse', among: ['refuse', 'hold', 'loop'], says: 'way with clips of too few frames' },
        count: COUNT,
      },
      types: ['video', 'tokens', 'class', 'audio'],
      load: ({ request, args, base, manifest, progress, warn }) =>
        clipRows(resolve(base, textOf(args, 'path') as string), request.fields, {
          crop: textOf(args, 'crop') as 'center' | 'none',
          fps: args.get('fps') as number | undefined,
          short: textOf(args, 'short') as 'refuse' | 'hold' | 'loop',
          count: args.get('count') as number | undefined,
          manifest,
          progress,
          warn,
        }),
    },
  ],
  [
    'ring',
    {
      args: {
        modes: { kind: 'whole', otherwise: RING.modes, least: 1, most: 10_000, says: 'number of modes' },
        radius: { kind: 'number', otherwise: RING.radius, above: 0, says: 'distance of the modes from the origin' },
        std: STD(RING.std),
        count: POINTS,
      },
      types: ['vector', 'class'],
      load: async (context) => ({
        fields: gaussians(context, ring(numberOf(context.args, 'modes'), numberOf(context.args, 'radius'), numberOf(context.args, 'std'))),
      }),
    },
  ],
  [
    'grid',
    {
      args: {
        side: { kind: 'whole', otherwise: GRID.side, least: 1, most: 100, says: 'number of modes along each side' },
        spacing: { kind: 'number', otherwise: GRID.spacing, above: 0, says: 'distance of neighbouring modes' },
        std: STD(GRID.std),
        count: POINTS,
      },
      types: ['vector', 'class'],
      load: async (context) => ({
        fields: gaussians(context, grid(numberOf(context.args, 'side'), numberOf(context.args, 'spacing'), numberOf(context.args, 'std'))),
      }),
    },
  ],
  [
    'tensors',
    {
      args: { path: { kind: 'text', required: true, path: true, says: 'safetensors file' } },
      load: async (context) => ({ fields: await tensorFields(resolve(context.base, textOf(context.args, 'path') as string), context.request.fields) }),
    },
  ],
]);

/** Names of the sources that there are. */
export const SOURCE_NAMES: readonly string[] = [...SOURCES.keys()];

/** Files and folders that a request reads, as it names them. */
export function pathsOf({ source, args }: DataRequest): string[] {
  const rules = SOURCES.get(source)?.args ?? {};
  return Object.entries(args).flatMap(([name, value]) => {
    const rule = rules[name];
    return rule?.kind === 'text' && rule.path === true ? [String(value)] : [];
  });
}

/** Loads or generates the rows of a request. Throws DataError with a reason and, where there is one, a mend. */
export function loadData(asked: DataRequest, options: LoadOptions): Promise<DataSet> {
  const request = options.judged === true ? asked : { ...asked, fields: asked.fields.filter((field) => field.judged !== true) };
  const key = JSON.stringify([request.source, request.args, request.fields, String(options.seed), options.base ?? '', options.manifest]);
  const known = options.cache?.get(key);
  if (known !== undefined) return known;
  const loaded = load(request, options);
  options.cache?.set(key, loaded);
  loaded.catch(() => options.cache?.delete(key));
  return loaded;
}

async function load(request: DataRequest, options: LoadOptions): Promise<DataSet> {
  const source = SOURCES.get(request.source);
  if (source === undefined) {
    const near = suggest(request.source, SOURCES.keys());
    throw new DataError(
      `there is no data source '${request.source}'`,
      `there are ${SOURCE_NAMES.join(', ')}`,
      near === undefined ? undefined : `did you mean '${near}'?`,
    );
  }
  const args = readArguments(request, source.args);
  for (const field of request.fields) checkField(request, field, source);
  const { manifest: kept, progress, warn } = options;
  const loaded = await source.load({ request, args, seed: options.seed, base: options.base ?? '.', manifest: kept, progress, warn });
  const { fields, unseen = 0, facts, soundOf, bouncesOf, notes } = loaded;
  const [first] = fields.values();
  if (first === undefined)
    throw new DataError(`the data '${request.name}' asks for no field`, 'a data block names at least one field', 'write data ... { x: image[1, 28, 28] }');
  const heldOut = heldOutOf(first.count - unseen, args);
  const count = first.count - unseen - heldOut;
  const apart = [...(heldOut > 0 ? [`${heldOut} held out`] : []), ...(unseen > 0 ? [`${unseen} unseen`] : [])];
  const types = request.fields.map((field) => `${field.name}: ${typeText(field)}`).join(', ');
  return {
    count,
    heldOut,
    unseen,
    fields,
    manifest: facts && (kept ?? manifestOf(request.source, facts)),
    soundOf,
    bouncesOf,
    notes,
    describe: `${request.source}: ${count} rows${apart.length > 0 ? ` (${apart.join(', ')})` : ''}, ${types}`,
  };
}

function checkField(request: DataRequest, field: FieldRequest, source: Source): void {
  if (source.types !== undefined && !source.types.includes(field.type)) {
    const near = suggest(field.type, source.types);
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `${request.source} delivers fields of type ${source.types.join(' and ')}`,
      near === undefined ? undefined : `did you mean '${near}'?`,
    );
  }
}

function wantedTypes(request: DataRequest): Set<string> {
  return new Set(request.fields.map((field) => field.type));
}

/** Files of `idx`, of which there must be one for each type of field. */
function namedFiles({ request, args, base }: Context): { images?: string; labels?: string } {
  const files: { images?: string; labels?: string } = {};
  for (const field of request.fields) {
    const name = field.type === 'image' ? 'images' : 'labels';
    const path = textOf(args, name);
    if (path === undefined)
      throw new DataError(
        `field '${field.name}' asks for ${typeText(field)}`,
        `idx is given no file of ${name === 'images' ? 'pictures' : 'labels'}`,
        `write idx(${name}: "file")`,
      );
    files[name] = resolve(base, path);
  }
  return files;
}

/** Files keep their digits in order, so rows are mixed: by one fixed permutation, so that what is held out is the same in every run. */
function mixed({ request, args }: Context, columns: ReadonlyMap<string, Column>): Map<string, FieldRows> {
  const fields = new Map<string, FieldRows>();
  for (const field of request.fields) {
    const column = columns.get(field.type) as Column;
    checkColumn(field, column, request.source);
    const all = rowCount(column);
    const count = (args.get('count') as number | undefined) ?? all;
    if (count > all) throw new DataError(`${request.source}(count: ${count}) is not possible`, `there are ${all} rows`);
    const order = epochOrder(0n, 'data.mixed', 0, all);
    fields.set(
      field.name,
      packColumn(
        field,
        column,
        Uint32Array.from({ length: count }, (_, i) => order.at(i)),
      ),
    );
  }
  return fields;
}

function rowCount(column: Column): number {
  return column.data.length / rowElements(column);
}

function gaussians({ request, args, seed }: Context, mixture: ReturnType<typeof ring>): Map<string, FieldRows> {
  const count = numberOf(args, 'count');
  const modes = mixture.centres.length;
  const fields = new Map<string, FieldRows>();
  const inOrder = Uint32Array.from({ length: count }, (_, i) => i);
  for (const field of request.fields) {
    const column: Column =
      field.type === 'vector'
        ? { kind: 'vector', shape: [2], data: points(mixture, seed, count) }
        : { kind: 'class', classes: modes, data: Int32Array.from(inOrder, (i) => i % modes) };
    checkColumn(field, column, request.source);
    fields.set(field.name, packColumn(field, column, inOrder));
  }
  return fields;
}
