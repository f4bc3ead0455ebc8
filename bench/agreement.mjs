/** Whether peers computed the same: what each wrote after its first steps, against a reference's. */
import { readSafetensors } from '../dist/runtime/train/safetensors.js';

const norm = (data) => Math.sqrt(data.reduce((sum, v) => sum + v * v, 0));

function distance(a, b) {
  return Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0));
}

/** Worst differences of two outputs by kind of tolerance, and where. Throws where one has a tensor that the other lacks. */
function differences(kind, found, wanted, first) {
  const worst = {};
  const note = (tolerance, value, where) => {
    if (!(value <= (worst[tolerance]?.value ?? -1))) worst[tolerance] = { value, where };
  };
  for (const [name, reference] of wanted) {
    const tensor = found.get(name);
    if (tensor === undefined) throw new Error(`it gives no ${name}`);
    if (tensor.shape.join() !== reference.shape.join()) throw new Error(`its ${name} is [${tensor.shape}], the reference's [${reference.shape}]`);
    if (name === 'losses') {
      for (const [i, loss] of reference.data.entries()) note('loss', Math.abs(tensor.data[i] - loss) / Math.max(1, Math.abs(loss)), `loss ${i}`);
    } else if (kind === 'run') note('tensor', distance(tensor.data, reference.data) / norm(reference.data), name);
  }
  // How far all weights together moved: of one alone, whose gradient is zero but for rounding, Adam's steps say nothing.
  if (kind === 'train') {
    let apart = 0;
    let moved = 0;
    for (const [name, before] of first) {
      apart += distance(found.get(name).data, wanted.get(name).data) ** 2;
      moved += distance(wanted.get(name).data, before.data) ** 2;
    }
    note('moved', Math.sqrt(apart / moved), 'all weights');
  }
  return worst;
}

/**
 * Compares the files that peers wrote (a map by peer) with the first of `order` that wrote one.
 * Gives the reference, how far each peer is from it, and the reason of each that is too far.
 */
export async function compare({ kind, tolerance }, files, order, dataFile) {
  const reference = order.find((peer) => files.has(peer));
  const [wanted, data] = await Promise.all([readSafetensors(files.get(reference)), readSafetensors(dataFile)]);
  const first = new Map([...data].filter(([name]) => name.startsWith('weight.')).map(([name, tensor]) => [name.slice('weight.'.length), tensor]));
  const distances = {};
  const refused = {};
  for (const [peer, file] of files) {
    if (peer === reference) continue;
    try {
      const worst = differences(kind, await readSafetensors(file), wanted, first);
      distances[peer] = Object.fromEntries(Object.entries(worst).map(([name, { value }]) => [name, value]));
      const bad = Object.entries(worst).find(([name, { value }]) => !(value <= tolerance[name]));
      if (bad) refused[peer] = `it disagrees with ${reference}: ${bad[1].where} by ${bad[1].value.toExponential(1)}, more than ${tolerance[bad[0]]}`;
    } catch (error) {
      refused[peer] = `it disagrees with ${reference}: ${error.message}`;
    }
  }
  return { reference, distances, refused };
}
