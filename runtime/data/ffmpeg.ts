/** Videos of other kinds than pictures make, by the ffmpeg of the machine: a process of its own, told what to expect, bounded in time and size. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, extname, isAbsolute, join } from 'node:path';
import { VIDEO_FORMATS } from './clip-folder.js';
import { DataError } from './error.js';
import { damaged, PictureError } from './picture.js';

export interface Ffmpeg {
  /** The program. */
  readonly path: string;
  /** Seconds that it is given for a video. */
  readonly limit: number;
}

const LIMIT = 300;
/** Of what ffmpeg says, the end is kept. */
const KEPT = 20_000;
const MAX_HEADER = 1024;

/** The ffmpeg on PATH. Throws DataError naming the file that wants it. */
export async function findFfmpeg(wantedBy: string): Promise<Ffmpeg> {
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg';
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const path = join(folder, name);
    const there = await access(path, constants.X_OK).then(
      () => stat(path).then((info) => info.isFile()),
      () => false,
    );
    if (there) return { path, limit: LIMIT };
  }
  throw new DataError(
    `cannot read ${wantedBy}`,
    `${extname(wantedBy)} files are read by the program ffmpeg, which is not on PATH`,
    'install it (apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg), or turn the clips into GIF, WebP or folders of PNG pictures',
  );
}

/** What a frame of the video becomes: from its RGBA bytes. */
type Convert = (pixels: Buffer, width: number, height: number) => Promise<Uint8Array>;

/**
 * The first `frames` frames of a video, each through `convert`: at `fps` a second the ones seen at each instant, or at the rate that the video itself has,
 * which is given back. Throws PictureError.
 */
export async function readVideo(
  { path: program, limit }: Ffmpeg,
  path: string,
  { frames: wanted, fps }: { readonly frames: number; readonly fps?: number },
  maxPixels: number,
  convert: Convert,
): Promise<{ frames: Uint8Array[]; rate?: number }> {
  const format = VIDEO_FORMATS.get(extname(path).toLowerCase()) as string;
  const input = ['-max_pixels', String(maxPixels), '-protocol_whitelist', 'file', '-f', format, '-i', `file:${path}`];
  const filter = fps === undefined ? [] : ['-vf', `fps=fps=${fps}:round=up`];
  const output = ['-map', '0:v:0', ...filter, '-frames:v', String(wanted), '-c:v', 'pam', '-pix_fmt', 'rgba', '-f', 'image2pipe', 'pipe:1'];
  const child = spawn(program, ['-hide_banner', '-nostdin', '-v', 'info', '-xerror', '-threads', '1', ...input, ...output], {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, 1000 * limit);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-KEPT);
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? code ?? 0));
  });
  try {
    const frames: Uint8Array[] = [];
    const parser = new PamFrames(maxPixels);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      for (const { pixels, width, height } of parser.push(chunk)) if (frames.length < wanted) frames.push(await convert(pixels, width, height));
    }
    const status = await ended;
    if (late) throw new PictureError(`ffmpeg was not done with it after ${limit} seconds`);
    const large = /Picture size (\d+x\d+) exceeds/.exec(log)?.[1];
    if (large !== undefined) throw tooLarge(large.replace('x', ' x '), maxPixels);
    // What ffmpeg says of a file that ends too early, without it being an error to it.
    if (/\] (Read error|File ended prematurely)/.test(log)) throw new PictureError('it is cut short');
    if (status !== 0) throw new PictureError(`ffmpeg cannot read it (${lastWords(log) || status})`);
    if (parser.unfinished) throw new PictureError('ffmpeg stopped in the middle of a frame');
    return { frames, rate: fps ?? rateOf(log) };
  } catch (error) {
    throw damaged(error);
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

function tooLarge(size: string, most: number): PictureError {
  return new PictureError(`it has ${size} pixels, more than the ${most} that are read`);
}

/** The last line of what ffmpeg says is mostly a count; the last but it that is indented by nothing says what is wrong. */
function lastWords(log: string): string {
  const lines = log
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '' && !line.startsWith(' ') && !/^(frame=|video:|Output|Input|Stream|Press|Conversion failed)/.test(line));
  return (lines.at(-1) ?? '').replace(/^\[[^\]]*\] */, '').slice(0, 200);
}

/** Of the last stream that ffmpeg described, which is the one it wrote. */
function rateOf(log: string): number | undefined {
  const rates = [...log.matchAll(/: Video: .*?([0-9.]+)(k?) fps\b/g)];
  const last = rates.at(-1);
  return last === undefined ? undefined : Number(last[1]) * (last[2] === 'k' ? 1000 : 1);
}

/** Netpbm's PAM pictures of RGBA bytes, one after the other, from a stream of any chunks. */
class PamFrames {
  private chunks: Buffer[] = [];
  private bytes = 0;
  /** Bytes of header and pixels of the frame that is under way, once known. */
  private frame: { width: number; height: number; header: number; total: number } | undefined;

  constructor(private readonly maxPixels: number) {}

  get unfinished(): boolean {
    return this.bytes > 0;
  }

  push(chunk: Buffer): { pixels: Buffer; width: number; height: number }[] {
    this.chunks.push(chunk);
    this.bytes += chunk.byteLength;
    const done: { pixels: Buffer; width: number; height: number }[] = [];
    for (;;) {
      this.frame ??= this.readHeader();
      if (this.frame === undefined || this.bytes < this.frame.total) return done;
      const { width, height, header, total } = this.frame;
      const all = Buffer.concat(this.chunks);
      done.push({ pixels: all.subarray(header, total), width, height });
      this.chunks = [all.subarray(total)];
      this.bytes = all.byteLength - total;
      this.frame = undefined;
    }
  }

  private readHeader(): PamFrames['frame'] {
    if (this.bytes === 0) return undefined;
    const start = Buffer.concat(this.chunks);
    this.chunks = [start];
    const end = start.subarray(0, MAX_HEADER).indexOf('ENDHDR\n');
    if (end < 0 && start.byteLength < MAX_HEADER) return undefined;
    const text = start.toString('latin1', 0, Math.max(end, 0));
    const number = (name: string) => Number(new RegExp(`^${name} (\\d{1,6})$`, 'm').exec(text)?.[1]);
    const [width, height] = [number('WIDTH'), number('HEIGHT')];
    if (!text.startsWith('P7\n') || !(width > 0 && height > 0) || number('DEPTH') !== 4 || number('MAXVAL') !== 255)
      throw new PictureError('ffmpeg gave something else than pictures');
    if (width * height > this.maxPixels) throw tooLarge(`${width} x ${height}`, this.maxPixels);
    const header = end + 'ENDHDR\n'.length;
    return { width, height, header, total: header + 4 * width * height };
  }
}
