/**
 * The structure of a GIF file (CompuServe, GIF89a, 1990), walked from block to block without decoding. The decoder takes what it finds of a file that is
 * cut short for the whole; here that is an error, and so are sizes that are not to be decoded.
 */
import { PictureError } from './picture.js';

/** Throws PictureError where the file does not reach its end, has no frame, or one of its frames ends outside of `mostPixels`. */
export function checkGif(file: Buffer, mostPixels: number): void {
  const cut = () => new PictureError('it is cut short');
  const byte = (at: number): number => {
    if (at >= file.byteLength) throw cut();
    return file[at];
  };
  const u16 = (at: number) => byte(at) + 256 * byte(at + 1);
  const table = (flags: number) => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
  const size = (width: number, height: number) => {
    if (width * height > mostPixels) throw new PictureError(`it has frames of ${width} x ${height} pixels, more than the ${mostPixels} that are read`);
  };
  size(u16(6), u16(8));
  let at = 13 + table(byte(10));
  let frames = 0;
  const skipBlocks = () => {
    while (byte(at) !== 0) at += 1 + byte(at);
    at++;
  };
  for (;;) {
    const kind = byte(at);
    if (kind === 0x3b) break;
    if (kind === 0x21) {
      at += 2;
      skipBlocks();
    } else if (kind === 0x2c) {
      size(u16(at + 1) + u16(at + 5), u16(at + 3) + u16(at + 7));
      // The descriptor, its colours, and the least size of a code.
      at += 10 + table(byte(at + 9)) + 1;
      skipBlocks();
      frames++;
    } else throw new PictureError(`it is damaged: its byte ${at + 1} starts no block`);
  }
  if (frames === 0) throw new PictureError('it has no frame');
}
