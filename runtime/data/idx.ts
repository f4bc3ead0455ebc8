/**
 * IDX files, the format of the original MNIST: two zero bytes, a type (8 = unsigned byte), the number of axes, each axis as big-endian u32, the elements.
 * Plain or gzipped. What a file claims is compared with what it holds before memory is taken for it.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fileReason } from '../train/files.js';
import { DataError } from './error.js';

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Elements over this are refused: 1 GiB, twenty times MNIST. */
export const MAX_IDX_BYTES = 2 ** 30;

const TYPES: Readonly<Record<number, string>> = { 9: 'signed bytes', 11: '16-bit integers', 12: '32-bit integers', 13: '32-bit floats', 14: '64-bit floats' };

/** Reads an IDX file of unsigned bytes whose number of axes is one of `axes`. Throws DataError. */
export async function readIdx(path: string, axes: readonly number[]): Promise<IdxArray> {
  const bad = (reason: string, mend = 'get or write the file anew') => new DataError(`cannot use ${path} as an IDX file`, reason, mend);
  try {
    const info = await stat(path);
    if (!info.isFile()) throw bad(info.isDirectory() ? 'it is a folder' : 'it is not a regular file', 'name the file itself');
    return await collect(await openStream(path), axes, bad);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE') throw bad('its gzip data is damaged or cut short');
    throw bad(`it cannot be read: ${fileReason(error)}`, 'paths start from the folder of the spec');
  }
}

/** The file's content, unpacked where it starts with gzip's two bytes, whatever its name says. */
async function openStream(path: string): Promise<Readable> {
  const first: number[] = [];
  for await (const chunk of createReadStream(path, { end: 1 })) first.push(...(chunk as Buffer));
  const file = createReadStream(path);
  if (first[0] !== 0x1f || first[1] !== 0x8b) return file;
  const gunzip = createGunzip();
  file.on('error', (error) => gunzip.destroy(error));
  gunzip.on('close', () => file.destroy());
  return file.pipe(gunzip);
}

type Bad = (reason: string, mend?: string) => DataError;

async function collect(stream: Readable, axes: readonly number[], bad: Bad): Promise<IdxArray> {
  let head = Buffer.alloc(0);
  let shape: number[] | undefined;
  let expected = 0;
  let got = 0;
  const chunks: Buffer[] = [];
  for await (const part of stream as AsyncIterable<Buffer>) {
    let chunk = part;
    if (shape === undefined) {
      head = Buffer.concat([head, chunk]);
      if (head.byteLength < 4 || head.byteLength < headerBytes(head)) {
        if (head.byteLength >= 4) checkStart(head, axes, bad);
        continue;
      }
      shape = parseShape(head, axes, bad);
      expected = shape.reduce((a, b) => a * b, 1);
      if (expected > MAX_IDX_BYTES) throw bad(`it claims ${shape.join(' x ')} bytes, more than the ${MAX_IDX_BYTES} that are allowed`);
      chunk = head.subarray(headerBytes(head));
    }
    got += chunk.byteLength;
    // Also what stops a gzip bomb: nothing beyond the claimed size is kept, or even unpacked.
    if (got > expected) throw bad(`it holds more than the ${expected} bytes that its header (${shape.join(' x ')}) says`);
    chunks.push(chunk);
  }
  if (shape === undefined) {
    parseShape(head, axes, bad);
    throw bad('its header is cut short');
  }
  if (got < expected) throw bad(`it holds ${got} bytes where its header (${shape.join(' x ')}) says ${expected}: it is cut short`);
  return { shape, data: Buffer.concat(chunks, expected) };
}

function headerBytes(head: Buffer): number {
  return 4 + 4 * head[3];
}

function checkStart(head: Buffer, axes: readonly number[], bad: Bad): void {
  if (head.byteLength < 4 || head[0] !== 0 || head[1] !== 0) throw bad('it does not start as IDX files do: 00 00 08 and the number of axes');
  if (head[2] !== 8) throw bad(`its elements are ${TYPES[head[2]] ?? `of the unknown type ${head[2]}`}`, 'only unsigned bytes (type 8) are read');
  if (!axes.includes(head[3])) {
    const mend = head[3] === 1 ? 'is this the file of labels, not of pictures?' : axes.includes(1) ? 'is this the file of pictures, not of labels?' : undefined;
    throw bad(`it has ${head[3]} axes where ${axes.join(' or ')} are expected`, mend);
  }
}

function parseShape(head: Buffer, axes: readonly number[], bad: Bad): number[] {
  checkStart(head, axes, bad);
  if (head.byteLength < headerBytes(head)) throw bad('its header is cut short');
  const shape: number[] = [];
  for (let i = 0; i < head[3]; i++) shape.push(head.readUInt32BE(4 + 4 * i));
  if (shape.some((n) => n === 0)) throw bad(`it is empty: ${shape.join(' x ')}`);
  return shape;
}
