/** A run's folder on its way between machines: what arrives is what was sent, as it was at its checkpoint. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderBlobs } from '../../runtime/jobs/blobs.js';
import { receive, Sender, type Snapshot } from '../../runtime/jobs/snapshot.js';

let root = '';
let blobs: FolderBlobs;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ganc-snapshot-'));
  blobs = new FolderBlobs(join(root, 'blobs'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const MOST = 1 << 20;
const from = () => join(root, 'from');
const to = () => join(root, 'to');

async function write(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(from(), path)), { recursive: true });
    await writeFile(join(from(), path), text);
  }
}

async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(paths.sort().map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')])));
}

const run = {
  'run.json': '{"step":200}',
  'metrics.jsonl': '',
  'program/kernels/a b.wgsl': 'fn main() {}',
  'checkpoints/step-00000100.safetensors': 'one',
  'checkpoints/step-00000200.safetensors': 'two',
  'checkpoints/latest': 'step-00000200.safetensors\n',
};

test('what arrives is what was sent; later only what has changed, and what is gone goes', async () => {
  await write({ ...run, lock: '{}', 'checkpoints/.step-00000300.safetensors.1-ab.tmp': 'half' });
  const sender = new Sender(blobs, 'j1', from(), MOST);
  await receive(blobs, 'j1', (await sender.send())!, to());
  expect(await contents(to())).toEqual(run);
  await rm(join(from(), 'checkpoints/step-00000100.safetensors'));
  await write({ 'run.json': '{"step":300}' });
  const kept = await readdir(join(root, 'blobs/j1'));
  const next = (await sender.send())!;
  expect((await readdir(join(root, 'blobs/j1'))).length).toBe(kept.length + 1);
  await writeFile(join(to(), 'lock'), 'of a process here');
  await receive(blobs, 'j1', next, to());
  const { 'checkpoints/step-00000100.safetensors': _, ...rest } = run;
  expect(await contents(to())).toEqual({ ...rest, 'run.json': '{"step":300}', lock: 'of a process here' });
});

test('at a checkpoint: later ones are left out, and the folder points to it; without that checkpoint there is no snapshot', async () => {
  await write(run);
  const sender = new Sender(blobs, 'j1', from(), MOST);
  const snapshot = (await sender.send(100))!;
  expect(snapshot.step).toBe(100);
  await receive(blobs, 'j1', snapshot, to());
  const { 'checkpoints/step-00000200.safetensors': _, ...rest } = run;
  expect(await contents(to())).toEqual({ ...rest, 'checkpoints/latest': 'step-00000100.safetensors\n' });
  expect(await sender.send(50)).toBeUndefined();
});

test('more than may be sent is refused, with what to do', async () => {
  await write({ ...run, 'samples/large.png': 'x'.repeat(600), 'samples/other.png': 'x'.repeat(600) });
  await expect(new Sender(blobs, 'j1', from(), 500).send()).rejects.toMatchObject({
    message: 'samples/large.png has 600 B, and 500 B are the most that goes through the queue',
    mend: expect.stringContaining('--shared DIR'),
  });
  await expect(new Sender(blobs, 'j1', from(), 1000).send()).rejects.toThrow('the files of the run are more than the 1000 B that go through the queue');
});

test('files that are damaged, missing or elsewhere are not taken', async () => {
  await write(run);
  const snapshot = (await new Sender(blobs, 'j1', from(), MOST).send())!;
  const renamed = (path: string): Snapshot => ({ files: [{ ...snapshot.files[0], path }] });
  for (const path of ['../out', '/etc/out', 'a/../../out', 'a//b', '.hidden', 'a\\b', '']) {
    await expect(receive(blobs, 'j1', renamed(path), to())).rejects.toThrow('the files of the run are damaged');
  }
  await expect(receive(blobs, 'j2', snapshot, to())).rejects.toThrow('the files of the run are not in the store');
  const { hash, path } = snapshot.files.find(({ size }) => size > 0)!;
  await writeFile(join(root, 'blobs/j1', hash), 'other');
  await expect(receive(blobs, 'j1', snapshot, to())).rejects.toMatchObject({ message: 'the files of the run are damaged in the store', reason: path });
});
