/** Which axes of a group's nodes have one length because of how the nodes are connected: these share one parameter. */
import type { Node } from '../graph/node.js';
import { regroup, type Size } from './coordinates.js';
import type { Group } from './kernel.js';

function numbers(shape: readonly number[]): Size[] {
  return shape.map((value) => ({ value, text: '' }));
}

export class AxisClasses {
  private readonly parent = new Map<string, string>();

  constructor(group: Group, stored: (node: Node) => boolean) {
    const seen = new Set<Node>();
    const stack = [...group.outputs, ...group.anchors];
    while (stack.length > 0) {
      const node = stack.pop() as Node;
      if (seen.has(node)) continue;
      seen.add(node);
      if (stored(node)) continue;
      this.connect(node);
      stack.push(...node.inputs);
    }
    // Outputs count the same elements as the domain.
    const domain = group.anchors[0] ?? group.outputs[0];
    for (const other of [...group.anchors, ...group.outputs]) {
      for (const { source, target } of regroup(numbers(domain.shape), numbers(other.shape)) ?? []) {
        if (source.length === 1 && target.length === 1) this.unite(domain, source[0], other, target[0]);
      }
    }
    for (const anchor of group.anchors.slice(1)) {
      anchor.inputs[0].shape.forEach((_, axis) => {
        this.unite(group.anchors[0].inputs[0], axis, anchor.inputs[0], axis);
      });
    }
  }

  role(node: Node, axis: number): string {
    return `axis ${this.find(`${node.id}.${axis}`)}`;
  }

  private find(key: string): string {
    let root = key;
    for (let up = this.parent.get(root); up !== undefined; up = this.parent.get(root)) root = up;
    return root;
  }

  private unite(a: Node, i: number, b: Node, j: number): void {
    if (a.shape[i] !== b.shape[j]) return;
    const left = this.find(`${a.id}.${i}`);
    const right = this.find(`${b.id}.${j}`);
    if (left !== right) this.parent.set(right, left);
  }

  private connect(node: Node): void {
    const { operation, inputs } = node;
    const all = (input: Node, except: (axis: number) => boolean = () => false): void => {
      node.shape.forEach((_, axis) => {
        if (!except(axis)) this.unite(node, axis, input, axis);
      });
    };
    switch (operation.op) {
      case 'unary':
      case 'binary':
      case 'compare':
      case 'select':
      case 'cast':
      case 'reverse':
        for (const input of inputs) all(input);
        break;
      case 'broadcast':
        all(inputs[0], (axis) => inputs[0].shape[axis] === 1);
        break;
      case 'reshape':
        for (const { source, target } of regroup(numbers(inputs[0].shape), numbers(node.shape)) ?? []) {
          if (source.length === 1 && target.length === 1) this.unite(inputs[0], source[0], node, target[0]);
        }
        break;
      case 'permute':
        operation.axes.forEach((axis, i) => {
          this.unite(node, i, inputs[0], axis);
        });
        break;
      case 'slice':
        all(inputs[0], (axis) => operation.start[axis] !== 0 || operation.step[axis] !== 1);
        break;
      case 'pad':
        all(inputs[0], (axis) => operation.low[axis] !== 0 || operation.high[axis] !== 0 || operation.interior[axis] !== 0);
        break;
      case 'gather':
        this.unite(node, 0, inputs[0], 0);
        this.unite(node, 2, inputs[0], 2);
        this.unite(node, 0, inputs[1], 0);
        this.unite(node, 1, inputs[1], 1);
        break;
      case 'concat':
        for (const input of inputs) all(input, (axis) => axis === operation.axis);
        break;
      case 'sum':
      case 'max': {
        const kept = inputs[0].shape.map((_, axis) => axis).filter((axis) => !operation.axes.includes(axis));
        kept.forEach((axis, i) => {
          this.unite(node, i, inputs[0], axis);
        });
        break;
      }
      case 'matmul':
        this.unite(node, 0, inputs[0], 0);
        this.unite(node, 1, inputs[0], 1);
        this.unite(inputs[0], 0, inputs[1], 0);
        this.unite(inputs[0], 2, inputs[1], 1);
        this.unite(node, 2, inputs[1], 2);
        break;
      case 'conv':
        this.unite(node, 0, inputs[0], 0);
        this.unite(node, 1, inputs[0], 1);
        this.unite(inputs[0], 1, inputs[1], 0);
        this.unite(node, 2, inputs[1], 1);
        this.unite(inputs[0], 2, inputs[1], 2);
        break;
      default:
        break;
    }
  }
}
