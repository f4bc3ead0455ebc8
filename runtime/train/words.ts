/** Whether weights from another run were trained with the words of captions numbered as they are here. */
import { isAbsolute } from 'node:path';
import { type DataManifest, factsOf } from '../data/manifest.js';
import { readRunManifest } from './folder.js';

/** `sources`: as `readInitial` gives them; files of weights say nothing of words. Throws RunError where a run's `data.json` is damaged. */
export async function compareWords(sources: readonly string[], manifest: DataManifest | undefined, warn: (text: string) => void): Promise<void> {
  for (const source of sources) {
    const path = isAbsolute(source) ? source : source.slice(source.indexOf('=') + 1);
    const theirs = await readRunManifest(path);
    for (const [name, facts] of Object.entries(manifest?.fields ?? {})) {
      const other = factsOf(theirs, name, 'tokens');
      if (facts.type !== 'tokens' || other === undefined) continue;
      const moved = other.words.filter((word, id) => word !== facts.words[id]);
      if (moved.length > 0) warn(`${moved.length} words of ${name} are numbered otherwise in ${path}, such as ${moved[0]}: its embeddings are of other words`);
    }
  }
}
