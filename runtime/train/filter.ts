/** A filter of runs as it is written on a command line. */

/** `name=ring*`, `status!=failed`, `near>0.9`. */
export interface Filter {
  readonly key: string;
  readonly operator: '=' | '!=' | '<' | '<=' | '>' | '>=';
  readonly value: string;
}

export function readFilter(text: string): Filter | undefined {
  const match = /^\s*([\w. -]+?)\s*(<=|>=|!=|=|<|>)\s*(.+?)\s*$/.exec(text);
  return match === null ? undefined : { key: match[1], operator: match[2] as Filter['operator'], value: match[3] };
}
