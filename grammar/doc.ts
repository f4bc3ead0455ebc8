/** A small layout algebra (after Wadler, "A prettier printer", 2003): what fits on a line stays on it, and a group that does not is broken at its own lines. */
export type Doc =
  | string
  | readonly Doc[]
  /** A space, or nothing if `soft`, where the group fits; else a new line. `hard` never fits. */
  | { readonly kind: 'line'; readonly soft: boolean; readonly hard: boolean }
  | { readonly kind: 'group'; readonly doc: Doc }
  | { readonly kind: 'indent'; readonly doc: Doc }
  /** Text for the end of the line, whatever else comes on it: a comment. The groups around it break. */
  | { readonly kind: 'suffix'; readonly text: string }
  /** One text where the group around it breaks and another where it fits. */
  | { readonly kind: 'either'; readonly broken: string; readonly flat: string };

export const line: Doc = { kind: 'line', soft: false, hard: false };
export const softline: Doc = { kind: 'line', soft: true, hard: false };
export const hardline: Doc = { kind: 'line', soft: false, hard: true };
export const group = (doc: Doc): Doc => ({ kind: 'group', doc });
export const indent = (doc: Doc): Doc => ({ kind: 'indent', doc });
export const suffix = (text: string): Doc => ({ kind: 'suffix', text });
export const either = (broken: string, flat: string): Doc => ({ kind: 'either', broken, flat });

export function separated(docs: readonly Doc[], between: Doc): Doc[] {
  return docs.flatMap((doc, i) => (i === 0 ? [doc] : [between, doc]));
}

const step = 2;
/** Columns by which lines may differ whose comments stand below each other. */
const APART = 40;

interface Task {
  readonly indent: number;
  readonly flat: boolean;
  readonly doc: Doc;
}

function breaks(doc: Doc, known: Map<Doc, boolean>): boolean {
  if (typeof doc === 'string') return false;
  let answer = known.get(doc);
  if (answer === undefined) {
    if ('kind' in doc)
      answer = doc.kind === 'suffix' || (doc.kind === 'line' && doc.hard) || ((doc.kind === 'group' || doc.kind === 'indent') && breaks(doc.doc, known));
    else answer = doc.some((d) => breaks(d, known));
    known.set(doc, answer);
  }
  return answer;
}

/** The text of a document, its lines at most `width` long where that is possible, without trailing space. */
export function render(doc: Doc, width: number): string {
  const known = new Map<Doc, boolean>();
  const tasks: Task[] = [{ indent: 0, flat: false, doc }];
  const lines: Line[] = [];
  let text = '';
  let tail = '';
  const endLine = (): void => {
    lines.push({ text: text.trim() === '' && tail !== '' ? text : text.trimEnd(), tail });
    text = '';
    tail = '';
  };
  for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
    const { doc: d, flat } = task;
    if (typeof d === 'string') text += d;
    else if (!('kind' in d)) for (let i = d.length - 1; i >= 0; i--) tasks.push({ ...task, doc: d[i] });
    else if (d.kind === 'indent') tasks.push({ ...task, indent: task.indent + step, doc: d.doc });
    else if (d.kind === 'suffix') tail += (tail === '' ? '' : ' ') + d.text;
    else if (d.kind === 'either') text += flat ? d.flat : d.broken;
    else if (d.kind === 'group') {
      const whole = { ...task, flat: true, doc: d.doc };
      tasks.push(!breaks(d.doc, known) && (flat || fits(whole, tasks, width - text.length)) ? whole : { ...task, flat: false, doc: d.doc });
    } else if (flat && !d.hard) text += d.soft ? '' : ' ';
    else {
      endLine();
      text = ' '.repeat(task.indent);
    }
  }
  endLine();
  return aligned(lines).join('\n');
}

interface Line {
  readonly text: string;
  /** A comment at its end. */
  readonly tail: string;
}

/** Comments at the ends of lines that follow each other stand below each other, unless the lines differ much in length. */
function aligned(lines: readonly Line[]): string[] {
  const beside = ({ text, tail }: Line): boolean => tail !== '' && text.trim() !== '';
  const rows: string[] = [];
  for (let first = 0, end = 0; first < lines.length; first = end) {
    const lengths: number[] = [];
    for (end = first; end < lines.length && beside(lines[end]); end++) {
      const { length } = lines[end].text;
      if (Math.max(...lengths, length) - Math.min(...lengths, length) > APART) break;
      lengths.push(length);
    }
    const column = Math.max(0, ...lengths) + 2;
    if (end === first) end++;
    for (const { text, tail } of lines.slice(first, end)) rows.push(`${lengths.length === 0 ? text : text.padEnd(column)}${tail}`.trimEnd());
  }
  return rows;
}

/** Whether a task, and what follows it up to the next possible new line, fits in the room left. */
function fits(first: Task, after: readonly Task[], room: number): boolean {
  const tasks = [first];
  let next = after.length;
  let left = room;
  while (left >= 0) {
    const task = tasks.pop() ?? after[--next];
    if (task === undefined) return true;
    const { doc } = task;
    if (typeof doc === 'string') left -= doc.length;
    else if (!('kind' in doc)) for (let i = doc.length - 1; i >= 0; i--) tasks.push({ ...task, doc: doc[i] });
    else if (doc.kind === 'either') left -= (task.flat ? doc.flat : doc.broken).length;
    else if (doc.kind === 'line') {
      if (!task.flat || doc.hard) return true;
      left -= doc.soft ? 0 : 1;
    } else if (doc.kind !== 'suffix') tasks.push({ ...task, doc: doc.doc });
  }
  return false;
}
