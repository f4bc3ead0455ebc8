/**
 * The JSON header of a safetensors file, read strictly: `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}`.
 * A parser of its own, because JSON.parse hides a name given twice and treats `__proto__` as any other key only until somebody assigns it.
 */

/** Bytes of an element. */
export const ITEM_BYTES = { F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type StoredType = keyof typeof ITEM_BYTES;

export interface HeaderEntry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Range of bytes after the header. */
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** The reason why a header is refused; the caller adds the file. */
export class HeaderProblem extends Error {}

/** WebGPU tensors have far fewer axes; a hostile shape may have millions. */
const MAX_RANK = 32;

/** Names that can never be a tensor's: assigned to a plain object they would change it instead of being stored. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/** Reads and checks a header against `dataBytes`, the bytes that follow it. Throws HeaderProblem. */
export function parseHeader(text: string, dataBytes: number): Header {
  const reader = new Reader(text);
  const entries: HeaderEntry[] = [];
  const seen = new Set<string>();
  let metadata = new Map<string, string>();
  reader.object((name) => {
    if (seen.has(name)) throw new HeaderProblem(`the name ${quote(name)} is given twice`);
    seen.add(name);
    if (name === '__metadata__') metadata = readMetadata(reader);
    else entries.push(readEntry(reader, name));
  });
  reader.end();
  checkRanges(entries, dataBytes);
  return { entries, metadata };
}

function readMetadata(reader: Reader): Map<string, string> {
  const metadata = new Map<string, string>();
  reader.object((key) => {
    if (metadata.has(key)) throw new HeaderProblem(`the key ${quote(key)} of __metadata__ is given twice`);
    if (reader.peek() !== '"') throw new HeaderProblem(`the value of ${quote(key)} in __metadata__ is not text`);
    metadata.set(key, reader.string());
  });
  return metadata;
}

function readEntry(reader: Reader, name: string): HeaderEntry {
  if (name === '') throw new HeaderProblem('a tensor has an empty name');
  if (RESERVED.has(name)) throw new HeaderProblem(`${quote(name)} cannot be the name of a tensor`);
  const what = `tensor ${quote(name)}`;
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  reader.object((key) => {
    if (key === 'dtype' && dtype === undefined && reader.peek() === '"') dtype = reader.string();
    else if (key === 'shape' && shape === undefined && reader.peek() === '[') shape = reader.naturals(MAX_RANK, `shape of ${what}`);
    else if (key === 'data_offsets' && offsets === undefined && reader.peek() === '[') offsets = reader.naturals(2, `data_offsets of ${what}`);
    else throw new HeaderProblem(`${what} has a ${quote(key)} that is unknown, repeated or of the wrong type`);
  });
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    throw new HeaderProblem(`${what} lacks ${dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets'}`);
  }
  if (!Object.hasOwn(ITEM_BYTES, dtype))
    throw new HeaderProblem(`${what} has the unknown dtype ${quote(dtype)} (known: ${Object.keys(ITEM_BYTES).join(', ')})`);
  if (offsets.length !== 2) throw new HeaderProblem(`data_offsets of ${what} must be two numbers`);
  const [start, end] = offsets;
  if (start > end) throw new HeaderProblem(`${what} ends before it starts: bytes ${start} to ${end}`);
  const elements = shape.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(elements)) throw new HeaderProblem(`${what} claims the shape [${shape.join(', ')}], more than any file holds`);
  const bytes = elements * ITEM_BYTES[dtype as StoredType];
  if (bytes !== end - start) {
    throw new HeaderProblem(`${what} is ${dtype} [${shape.join(', ')}], which is ${bytes} bytes, but its data_offsets span ${end - start}`);
  }
  return { name, dtype: dtype as StoredType, shape, start, end };
}

/** The format's rule: tensors cover the data from first to last byte, without overlap or hole. */
function checkRanges(entries: readonly HeaderEntry[], dataBytes: number): void {
  const order = [...entries].sort((a, b) => a.start - b.start || a.end - b.end);
  let at = 0;
  let before: HeaderEntry | undefined;
  for (const entry of order) {
    if (entry.end > dataBytes) {
      throw new HeaderProblem(
        `tensor ${quote(entry.name)} reaches to byte ${entry.end} of the data, but the file holds ${dataBytes}: it is cut short or damaged`,
      );
    }
    if (entry.start < at) throw new HeaderProblem(`tensors ${quote((before as HeaderEntry).name)} and ${quote(entry.name)} overlap`);
    if (entry.start > at) throw new HeaderProblem(`${entry.start - at} bytes before tensor ${quote(entry.name)} belong to no tensor`);
    at = entry.end;
    before = entry;
  }
  if (at !== dataBytes) throw new HeaderProblem(`the last ${dataBytes - at} bytes belong to no tensor`);
}

/** A name as shown in messages: quoted, control characters escaped, cut when long. */
export function quote(name: string): string {
  const text = JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
  return text.replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A reader of the few JSON forms that a header has. Depth is fixed by its callers, so no nesting can exhaust the stack. */
class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  /** The next character that is not blank, or ''. */
  peek(): string {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text[this.at])) this.at++;
    return this.text[this.at] ?? '';
  }

  private expect(character: string): void {
    if (this.peek() !== character) {
      const found = this.text[this.at] === undefined ? 'it ends' : `there is ${quote(this.text[this.at])}`;
      throw new HeaderProblem(`its header is not as it should be: at byte ${this.at} of it ${found} where ${quote(character)} belongs`);
    }
    this.at++;
  }

  object(member: (key: string) => void): void {
    this.expect('{');
    if (this.peek() === '}') {
      this.at++;
      return;
    }
    for (;;) {
      const key = this.string();
      this.expect(':');
      member(key);
      if (this.peek() !== ',') break;
      this.at++;
    }
    this.expect('}');
  }

  string(): string {
    this.expect('"');
    const start = this.at - 1;
    while (this.at < this.text.length && this.text[this.at] !== '"') this.at += this.text[this.at] === '\\' ? 2 : 1;
    this.expect('"');
    try {
      return JSON.parse(this.text.slice(start, this.at)) as string;
    } catch {
      throw new HeaderProblem(`its header has a malformed text at byte ${start} of it`);
    }
  }

  /** `[1, 2, 3]` of whole numbers >= 0, at most `most` of them. */
  naturals(most: number, what: string): number[] {
    const list: number[] = [];
    this.expect('[');
    if (this.peek() === ']') {
      this.at++;
      return list;
    }
    for (;;) {
      this.peek();
      const start = this.at;
      while (this.text[this.at] >= '0' && this.text[this.at] <= '9') this.at++;
      const digits = this.text.slice(start, this.at);
      const value = Number(digits);
      if (digits === '' || (digits.length > 1 && digits[0] === '0') || !Number.isSafeInteger(value))
        throw new HeaderProblem(`the ${what} is not a list of whole numbers`);
      list.push(value);
      if (list.length > most) throw new HeaderProblem(`the ${what} has more than ${most} numbers`);
      if (this.peek() === ',') this.at++;
      else {
        this.expect(']');
        return list;
      }
    }
  }

  end(): void {
    if (this.peek() !== '') throw new HeaderProblem(`its header goes on after its end, at byte ${this.at} of it`);
  }
}
