// Writes docs/prelude.md, the reference of the prelude, from its own comments: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The page, from what `compiler/prelude/blocks.ts` reads. */
export function preludeReference(files) {
  const contents = files.map(({ subject, blocks }) => `| [${subject}](#${subject}) | ${blocks.map(({ name }) => `[${name}](#${name})`).join(' ')} |\n`);
  return `<!-- Made by \`npm run docs\` from the comments of compiler/prelude/*.gan. -->

# The prelude

Every layer, loss, penalty, initialiser and optimizer is a block of the language, in [compiler/prelude](../compiler/prelude). A
block of your own of the same name takes its place; \`ganc explain NAME\` prints one whole, to copy. Shapes are without the batch: \`[C, ...S]\` is
channels and one to three axes of space. After a colon stands the default. The operations that blocks are made of (\`reshape\`, \`matmul\`,
\`mean\`, ...) are listed in [language.md](language.md).

| | |
|---|---|
${contents.join('')}${files.map(section).join('')}`;
}

function section({ subject, comment, blocks }) {
  const entries = blocks.map(({ name, signature, comment: own }) => `\n### ${name}\n\n\`\`\`gan\n${signature}\n\`\`\`\n\n${markdown(own)}\n`);
  return `\n## ${subject}\n\n${markdown(comment)}\n\nText: [${subject}.gan](../compiler/prelude/${subject}.gan)\n${entries.join('')}`;
}

/** A comment as it reads: outside of `code`, what Markdown would take for a sign of its own is escaped. */
function markdown(comment) {
  return comment
    .split('`')
    .map((part, i) => (i % 2 === 1 ? `\`${part}\`` : part.replace(/\\|<(?=[\w/!?])|(?<! )\*|\*(?! )|(?<!\w)_|_(?!\w)/g, '\\$&')))
    .join('');
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const { preludeFiles } = await import('../dist/compiler/prelude/blocks.js');
  writeFileSync(join(root, 'docs', 'prelude.md'), preludeReference(preludeFiles()));
}
