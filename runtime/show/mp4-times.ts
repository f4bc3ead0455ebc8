/** The times at which an MP4 file was made, which its boxes hold three times: without them the same film is the same bytes. */

/** Boxes that only hold others, on the way to those with times (ISO/IEC 14496-12, 6.2). */
const FOLDERS = ['moov', 'trak', 'mdia'];
const TIMED = ['mvhd', 'tkhd', 'mdhd'];

/** The file with all times of creation and change set to 0, which is "not known". Changes `file` in place. */
export function fixedTimes(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const walk = (from: number, to: number): void => {
    for (let at = from; at + 8 <= to; ) {
      const size = view.getUint32(at);
      const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
      if (size < 8 || at + size > to) return;
      if (FOLDERS.includes(type)) walk(at + 8, at + size);
      // A byte of version, three of flags, then both times, of 4 bytes each, of 8 in version 1.
      if (TIMED.includes(type)) file.fill(0, at + 12, at + 12 + (file[at + 8] === 1 ? 16 : 8));
      at += size;
    }
  };
  walk(0, file.byteLength);
  return file;
}
