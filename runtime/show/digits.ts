/** The few characters that tick labels need, 5 pixels high, for pictures that no font engine draws. */
import type { Colour, Image } from './image.js';

const GLYPHS: Readonly<Record<string, readonly string[]>> = {
  '0': ['###', '#.#', '#.#', '#.#', '###'],
  '1': ['.#.', '##.', '.#.', '.#.', '###'],
  '2': ['###', '..#', '###', '#..', '###'],
  '3': ['###', '..#', '.##', '..#', '###'],
  '4': ['#.#', '#.#', '###', '..#', '..#'],
  '5': ['###', '#..', '###', '..#', '###'],
  '6': ['###', '#..', '###', '#.#', '###'],
  '7': ['###', '..#', '.#.', '.#.', '.#.'],
  '8': ['###', '#.#', '###', '#.#', '###'],
  '9': ['###', '#.#', '###', '..#', '###'],
  '-': ['...', '...', '###', '...', '...'],
  '.': ['.', '.', '.', '.', '#'],
  e: ['...', '###', '##.', '#..', '###'],
  '+': ['...', '.#.', '###', '.#.', '...'],
};

/** Pixels that `text` takes across at a scale; it is 5 * scale high. */
export function textWidth(text: string, scale: number): number {
  return [...text].reduce((sum, c) => sum + ((GLYPHS[c]?.[0].length ?? 0) + 1) * scale, -scale);
}

/** Draws digits, sign, point and exponent from the top left corner (x, y); other characters are left out. */
export function drawNumber(image: Image, text: string, x: number, y: number, scale: number, colour: Colour): void {
  let left = x;
  for (const character of text) {
    const glyph = GLYPHS[character];
    if (glyph === undefined) continue;
    for (const [j, row] of glyph.entries()) {
      for (const [i, dot] of [...row].entries()) if (dot === '#') image.rectangle(left + i * scale, y + j * scale, scale, scale, colour);
    }
    left += (glyph[0].length + 1) * scale;
  }
}
