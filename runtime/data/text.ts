/** Captions as numbers: words, and the vocabulary that numbers them. */
import { distance } from '../../grammar/suggest.js';

/** Number 0 stands after the last word of a caption. */
export const PADDING = '<padding>';
/** Number 1 stands for a word that the vocabulary lacks. Neither name can come out of `wordsOf`. */
export const UNKNOWN = '<unknown>';
/** What a vocabulary has without any word. */
const SPECIAL: readonly string[] = [PADDING, UNKNOWN];

/** Letters and digits, also with an apostrophe or hyphen within; else one sign. */
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’-][\p{L}\p{N}\p{M}]+)*|[^\s\p{L}\p{N}\p{M}\p{C}]/gu;

/**
 * The words of a caption in lower case and Unicode's composed form (NFC). Each punctuation sign is a word, as the final full stop is in the captions
 * of Sync-DRAW.
 */
export function wordsOf(caption: string): string[] {
  return caption.toLowerCase().normalize('NFC').match(WORD) ?? [];
}

/** The words of captions with their numbers. As JSON it is the list of its words by number. */
export class Vocabulary {
  private readonly ids: ReadonlyMap<string, number>;

  /** `words`: by number, as `words` of another vocabulary has them. */
  constructor(readonly words: readonly string[]) {
    if (SPECIAL.some((word, id) => words[id] !== word)) throw new Error(`a vocabulary begins with ${SPECIAL.join(', ')}`);
    this.ids = new Map(words.map((word, id) => [word, id]));
  }

  /**
   * The words of all captions by falling count, those of equal count by the alphabet. Of more than `most` numbers (0 and 1 counted) the rarest words
   * become unknown, of which `warn` hears.
   */
  static of(captions: Iterable<string>, most = Number.POSITIVE_INFINITY, warn?: (text: string) => void): Vocabulary {
    const sorted = [...countWords(captions)].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([word]) => word);
    const kept = sorted.slice(0, Math.max(0, most - SPECIAL.length));
    const lost = sorted.slice(kept.length);
    if (lost.length > 0) {
      const shown = `${lost.slice(0, 5).join(', ')}${lost.length > 5 ? ', ...' : ''}`;
      warn?.(
        `${lost.length} of ${sorted.length} words of the captions are unknown to the nets: ${shown} (words: ${sorted.length + SPECIAL.length} would hold all)`,
      );
    }
    return new Vocabulary([...SPECIAL, ...kept]);
  }

  get size(): number {
    return this.words.length;
  }

  /** Whether a word, as `wordsOf` gives it, has a number of its own. */
  has(word: string): boolean {
    return !SPECIAL.includes(word) && this.ids.has(word);
  }

  /** Numbers of the first `length` words, then 0. */
  encode(caption: string, length: number): Int32Array {
    const ids = new Int32Array(length);
    for (const [i, word] of wordsOf(caption).slice(0, length).entries()) ids[i] = this.ids.get(word) ?? 1;
    return ids;
  }

  /** The words with a blank between, without padding. */
  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => (id === 0 ? '' : (this.words[id] ?? UNKNOWN)))
      .filter((word) => word !== '')
      .join(' ');
  }

  /** Those words of a caption that have no number, each once. */
  lacks(caption: string): string[] {
    return [...new Set(wordsOf(caption))].filter((word) => !this.has(word));
  }

  /** The `most` words that are spelt most like one, the nearest first. */
  nearest(word: string, most = 3): string[] {
    const wanted = word.toLowerCase().normalize('NFC');
    return this.words
      .slice(SPECIAL.length)
      .map((known) => ({ known, far: distance(wanted, known) }))
      .sort((a, b) => a.far - b.far)
      .slice(0, most)
      .map(({ known }) => known);
  }
}

/** How often each word occurs. */
export function countWords(captions: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const caption of captions) for (const word of wordsOf(caption)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
