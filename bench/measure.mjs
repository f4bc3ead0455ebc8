/** One workload: peers are prepared, their outputs compared, then they take turns. */
import { join } from 'node:path';
import { compare } from './agreement.mjs';
import { Child, PeerError, torchThreads } from './child.mjs';
import { writeData } from './data.mjs';
import { WORKLOADS } from './workloads.mjs';

/** A turn is as many steps as take about so long. */
const TURN_MS = 600;
const MOST_STEPS = 20;
/** Over this a step is slow: it gets one turn in all. */
const SLOW_MS = 30_000;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What a peer needs to prepare a workload. */
export function preparation(peer, name, data, device) {
  return { action: 'prepare', workload: name, data, device, ...(peer === 'torch' && { threads: torchThreads(name).choice[0], adam: WORKLOADS[name].adam }) };
}

/**
 * Milliseconds a step of each of `peers`, medians over `rounds` turns. `limit`: seconds that a peer may take to prepare, or for one answer.
 * `say` hears of progress. A peer that cannot run or disagrees is in `absent`, with the reason.
 */
export async function measure(name, peers, { rounds, limit, folder, device, say }) {
  const workload = WORKLOADS[name];
  const data = await writeData(folder, name, workload);
  const absent = {};
  const children = new Map();
  const adapters = {};
  const files = new Map();
  const drop = (peer, reason) => {
    absent[peer] = reason;
    children.get(peer)?.close();
    children.delete(peer);
  };
  const attempt = async (peer, action) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      drop(peer, error.message);
    }
  };

  try {
    for (const peer of peers) {
      if (workload.absent?.[peer] !== undefined) {
        absent[peer] = workload.absent[peer];
        continue;
      }
      await attempt(peer, async () => {
        say(`${name}: ${peer}: first steps`);
        const child = new Child(peer, name);
        children.set(peer, child);
        const { adapter } = await child.ask(preparation(peer, name, data, device), limit);
        if (adapter) adapters[peer] = adapter.name;
        const file = join(folder, `${name}-${peer}.safetensors`);
        await child.ask({ action: 'check', out: file }, limit);
        files.set(peer, file);
      });
    }
    const agreement = files.size > 0 ? await compare(workload, files, ['torch', ...peers], data) : undefined;
    for (const [peer, reason] of Object.entries(agreement?.refused ?? {})) drop(peer, reason);
    for (const [peer, adapter] of Object.entries(adapters)) {
      if (children.has(peer) && adapters.ganc !== undefined && adapter !== adapters.ganc) drop(peer, `it took another adapter: ${adapter}`);
    }

    const turns = new Map([...children.keys()].map((peer) => [peer, []]));
    const counts = new Map();
    const threads = new Map();
    const turn = async (peer, count) => (await children.get(peer).ask({ action: 'steps', count, threads: threads.get(peer) }, limit)).milliseconds / count;
    for (const peer of [...children.keys()]) {
      await attempt(peer, async () => {
        say(`${name}: ${peer}: one step`);
        let one = await turn(peer, 1);
        // PyTorch is measured with the threads that serve it best at the moment.
        for (const count of peer === 'torch' ? torchThreads(name).choice : []) {
          const before = threads.get(peer);
          threads.set(peer, count);
          const trial = Math.min(await turn(peer, 1), await turn(peer, 1));
          if (before === undefined || trial < one) one = trial;
          else threads.set(peer, before);
        }
        if (one > SLOW_MS) turns.get(peer).push(one);
        counts.set(peer, one > SLOW_MS ? 0 : Math.max(1, Math.min(MOST_STEPS, Math.round(TURN_MS / one))));
      });
    }
    for (let round = 0; round < rounds; round++) {
      say(`${name}: round ${round + 1} of ${rounds}`);
      for (const peer of [...children.keys()]) {
        if (counts.get(peer) === 0) continue;
        await attempt(peer, async () => turns.get(peer).push(await turn(peer, counts.get(peer))));
      }
    }
    const medians = Object.fromEntries([...children.keys()].map((peer) => [peer, median(turns.get(peer))]));
    const spread = Object.fromEntries([...children.keys()].map((peer) => [peer, [Math.min(...turns.get(peer)), Math.max(...turns.get(peer))]]));
    const samples = Object.fromEntries([...children.keys()].map((peer) => [peer, turns.get(peer).length]));
    return { title: workload.title, medians, spread, samples, absent, agreement, tolerance: workload.tolerance, adapter: adapters.ganc };
  } finally {
    for (const child of children.values()) child.close();
  }
}
