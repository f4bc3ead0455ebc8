/**
 * Text of one kernel's body: nested blocks of statements, with immutable values (`let`) that are placed as far out as their operands
 * allow (drivers hoist nothing out of loops), named once per block by a key, and dropped at the end where nothing uses them.
 */

interface Scope {
  readonly kind: 'body' | 'loop' | 'if';
  readonly head: string;
  readonly tail: string;
  readonly items: (Statement | Scope)[];
  /** Immutable names declared here. */
  readonly names: Set<string>;
  /** Key -> name of the values declared here. */
  readonly memo: Map<string, string>;
}

interface Statement {
  /** Of a `let`: it may be dropped. */
  readonly name?: string;
  readonly text: string;
}

function isScope(item: Statement | Scope): item is Scope {
  return 'items' in item;
}

/** Names that a WGSL expression reads: neither members (`.x`) nor functions and types (`f(`, `vec4<`). */
const READS = /(?<![\w.])[A-Za-z_]\w*(?!\w|[(<])/g;

export class Writer {
  private readonly scopes: Scope[] = [{ kind: 'body', head: '', tail: '', items: [], names: new Set(), memo: new Map() }];
  private readonly dead = new Set<string>();
  private count = 0;

  /** A fresh name, none of a WGSL type. */
  fresh(prefix: string): string {
    const name = `${prefix}${this.count++}`;
    return name === 'i32' ? this.fresh(prefix) : name;
  }

  private get depth(): number {
    return this.scopes.length - 1;
  }

  /** Where an immutable name lives; names that this writer does not know are taken to be of the innermost block. */
  private depthOf(name: string): number {
    for (let depth = this.depth; depth >= 0; depth--) if (this.scopes[depth].names.has(name)) return depth;
    return this.depth;
  }

  private depthOfExpression(expression: string): number {
    let depth = 0;
    for (const [name] of expression.matchAll(READS)) if (name !== 'true' && name !== 'false') depth = Math.max(depth, this.depthOf(name));
    // Out of loops only: what stands under a condition is computed under it.
    let target = this.depth;
    while (target > depth && this.scopes[target].kind === 'loop') target--;
    return target;
  }

  private insert(depth: number, statement: Statement): void {
    const items = this.scopes[depth].items;
    if (depth === this.depth) items.push(statement);
    else items.splice(items.length - 1, 0, statement);
  }

  /** Says that a name is immutable from here to the end of the innermost block, so that values made of it may leave inner loops. */
  immutable(name: string): void {
    this.scopes[this.depth].names.add(name);
  }

  /** Says that a name is known and immutable in the whole text. */
  global(name: string): void {
    this.scopes[0].names.add(name);
  }

  /** `key` means `name` to the end of the innermost block. */
  rememberHere(key: string, name: string): void {
    this.scopes[this.depth].memo.set(key, name);
  }

  recall(key: string): string | undefined {
    for (let depth = this.depth; depth >= 0; depth--) {
      const name = this.scopes[depth].memo.get(key);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** `key` means `name` as far as `name` lives; `reads`: further names that the meaning depends on. */
  remember(key: string, name: string, reads = ''): void {
    const depth = Math.max(this.depthForMemo(name), this.depthForMemo(reads));
    this.scopes[depth].memo.set(key, name);
  }

  private depthForMemo(expression: string): number {
    let depth = 0;
    for (const [name] of expression.matchAll(READS)) if (name !== 'true' && name !== 'false') depth = Math.max(depth, this.depthOf(name));
    return depth;
  }

  /** An immutable value. Equal expressions in reach share one name. */
  let(expression: string, prefix = 'v'): string {
    if (/^(\w+|\d+\.\d+f)$/.test(expression)) return expression;
    const known = this.recall(`= ${expression}`);
    if (known !== undefined) return known;
    const depth = this.depthOfExpression(expression);
    const name = this.fresh(prefix);
    this.insert(depth, { name, text: `let ${name} = ${expression};` });
    this.scopes[depth].names.add(name);
    this.scopes[depth].memo.set(`= ${expression}`, name);
    return name;
  }

  /** A `let` under a name given ahead. */
  letNamed(name: string, expression: string): void {
    const depth = this.depthOfExpression(expression);
    this.insert(depth, { name, text: `let ${name} = ${expression};` });
    this.scopes[depth].names.add(name);
  }

  line(text: string): void {
    this.scopes[this.depth].items.push({ text });
  }

  block(kind: 'loop' | 'if', head: string, body: () => void, tail = '}'): void {
    const scope: Scope = { kind, head: `${head} {`, tail, items: [], names: new Set(), memo: new Map() };
    this.scopes[this.depth].items.push(scope);
    this.scopes.push(scope);
    body();
    this.scopes.pop();
    for (const name of scope.names) this.dead.add(name);
  }

  /** False for a name whose block has ended. */
  alive(name: string): boolean {
    return !this.dead.has(name);
  }

  /** The statements, without unused values. */
  finish(): string {
    const used = new Set<string>();
    const mark = (text: string): void => {
      for (const [name] of text.matchAll(/[A-Za-z_]\w*/g)) used.add(name);
    };
    const write = (scope: Scope, indent: string): string[] => {
      if (scope.tail !== '') mark(scope.tail);
      const lines: string[][] = [];
      for (let i = scope.items.length - 1; i >= 0; i--) {
        const item = scope.items[i];
        if (isScope(item)) {
          const inner = write(item, `${indent}  `);
          mark(item.head);
          lines.push([`${indent}${item.head}`, ...inner, `${indent}${item.tail}`]);
        } else if (item.name === undefined || used.has(item.name)) {
          const at = item.text.indexOf('=');
          mark(item.name === undefined ? item.text : item.text.slice(at));
          lines.push([`${indent}${item.text}`]);
        }
      }
      return lines.reverse().flat();
    };
    return write(this.scopes[0], '  ').join('\n');
  }
}
