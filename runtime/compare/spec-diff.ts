/** The texts of two specs against each other, as a unified diff. */
import { structuredPatch } from 'diff';

export interface DiffLine {
  readonly kind: 'place' | 'same' | 'added' | 'removed';
  readonly text: string;
}

/** Lines that differ, with three around them; empty where the texts are equal. */
export function diffOf(before: string, after: string): DiffLine[] {
  const { hunks } = structuredPatch('', '', before, after, undefined, undefined, { context: 3 });
  return hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }): DiffLine[] => [
    { kind: 'place', text: `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@` },
    ...lines.map((text): DiffLine => ({ kind: text[0] === '+' ? 'added' : text[0] === '-' ? 'removed' : 'same', text })),
  ]);
}
