/** Texts of the DOT language (graphviz.org): statements with HTML-like labels. */

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Graphviz measures by the metrics of Helvetica, which it knows by heart. */
export const FONT = 'Helvetica';

/** `"G.fc1" [shape=box, label=<...>]`. A label is markup; other values are quoted. */
export function node(id: string, attributes: Attributes): string {
  return `${quoted(id)}${attributesOf(attributes)}`;
}

export function edge(from: string, to: string, attributes: Attributes = {}): string {
  return `${quoted(from)} -> ${quoted(to)}${attributesOf(attributes)}`;
}

/** A frame around statements. */
export function cluster(id: string, attributes: Attributes, statements: readonly string[]): string {
  const own = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${written(key, value)}`]));
  return [`subgraph ${quoted(`cluster ${id}`)} {`, ...[...own, ...statements].flatMap((s) => s.split('\n')).map((line) => `  ${line}`), '}'].join('\n');
}

function attributesOf(attributes: Attributes): string {
  const list = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${written(key, value)}`]));
  return list.length === 0 ? '' : ` [${list.join(', ')}]`;
}

function written(key: string, value: string | number): string {
  return key === 'label' && value !== '' ? `<${value}>` : quoted(String(value));
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

export function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

export function bold(text: string): string {
  return `<B>${escaped(text)}</B>`;
}

/** Beside what matters. */
export function quiet(text: string): string {
  return text === '' ? '' : `<FONT COLOR="#5f6670">${escaped(text)}</FONT>`;
}

/** Rows of markup, each centred, or set left; empty ones go. */
export function rows(list: readonly string[], align: 'center' | 'left' = 'center'): string {
  const lines = list.filter((row) => row !== '');
  return align === 'center' ? lines.join('<BR/>') : lines.map((row) => `${row}<BR ALIGN="LEFT"/>`).join('');
}

/** Rows of a formula, their indentation kept. */
export function formula(text: string): string[] {
  return text.split('\n').map((line) => escaped(line).replace(/^ +/, (space) => '&#160;'.repeat(space.length)));
}
