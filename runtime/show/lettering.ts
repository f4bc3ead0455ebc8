/** Text in pictures, in a font of the machine. */
import { escapeText } from './escape.js';
import { Image } from './image.js';

/** Pixels from one line to the next, and of the letters. */
export const LINE = 17;
export const FONT = 13;
/** Grey, so that of the few colours that a GIF can have none is taken from a grey clip. */
const INK = '#222222';
/** Of a letter, roughly: rather too much. */
const LETTER = 8;

export interface Label {
  readonly text: string;
  /** Of the line's top left corner. */
  readonly x: number;
  readonly y: number;
}

/** The picture with the lines of text upon it. Drawn by sharp. */
export async function lettered(image: Image, labels: readonly Label[]): Promise<Image> {
  const { width, height } = image;
  const texts = labels.map(({ text, x, y }) => `<text x="${x}" y="${y + FONT}">${escapeText(text)}</text>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="${FONT}" fill="${INK}">${texts.join('')}</svg>`;
  const { default: sharp } = await import('sharp');
  const pixels = await sharp(image.pixels, { raw: { width, height, channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  const made = new Image(width, height);
  made.pixels.set(pixels);
  return made;
}

/** Lines of at most so many pixels, broken between words; a single sign stays with the word before it. */
export function wrapped(lines: readonly string[], width: number): string[] {
  const most = Math.max(8, Math.floor(width / LETTER));
  return lines.flatMap((line) => {
    const broken: string[] = [];
    let now = '';
    for (const word of line.split(' ')) {
      if (now !== '' && word.length > 1 && now.length + 1 + word.length > most) {
        broken.push(now);
        now = word;
      } else now = now === '' ? word : `${now} ${word}`;
    }
    return [...broken, now];
  });
}
