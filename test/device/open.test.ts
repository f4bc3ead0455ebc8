import { type ChildProcess, execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GpuError } from '../../runtime/device/error.js';
import { openDevice } from '../../runtime/device/open.js';
import { settle } from '../../runtime/device/settle.js';
import { swiftshaderObstacle, untar } from '../../runtime/device/swiftshader.js';

describe('in this process', () => {
  test('the best device there is opens, knows itself and computes', async () => {
    const gpu = await openDevice();
    expect(['gpu', 'lavapipe', 'swiftshader', 'other software']).toContain(gpu.kind);
    expect(gpu.name).not.toBe('');
    expect(gpu.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
    expect(gpu.failure).toBeUndefined();
    await gpu.settle(gpu.device.queue.onSubmittedWorkDone());
    gpu.close();
    await expect(gpu.settle(gpu.device.queue.onSubmittedWorkDone())).rejects.toThrow('the GPU device is closed');
    expect(() => gpu.check()).toThrow(GpuError);
  });

  test('an unknown choice is named', async () => {
    process.env.GANC_DEVICE = 'quantum';
    try {
      await expect(openDevice()).rejects.toMatchObject({ message: 'GANC_DEVICE is "quantum"', mend: expect.stringContaining('gpu, lavapipe, swiftshader') });
    } finally {
      delete process.env.GANC_DEVICE;
    }
  });

  test('faults outside of an error scope end every wait, and name the object', async () => {
    const gpu = await openDevice();
    const waiting = gpu.settle(new Promise<void>(() => {}));
    const buffer = gpu.device.createBuffer({ label: 'the culprit', size: 16, usage: 4 | 8 });
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, buffer, 0, 8);
    encoder.finish();
    await expect(waiting).rejects.toMatchObject({ name: 'GpuError', exitCode: 3, reason: expect.stringContaining('the culprit') });
    expect((await gpu.lost).message).toBe('the GPU refused a command');
    gpu.close();
  });
});

describe('settle', () => {
  test('passes results and rejections on, also many at a time', async () => {
    const later = (ms: number) => new Promise<number>((done) => setTimeout(() => done(ms), ms));
    expect(await Promise.all([5, 1, 3].map((ms) => settle(later(ms))))).toEqual([5, 1, 3]);
    await expect(settle(Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  test('leaves the core free while it waits', async () => {
    // Busy as Dawn is while a promise of its own is pending: some hundred thousand turns in this time.
    let turns = 0;
    let polling = true;
    const poll = () => {
      turns++;
      if (polling) setImmediate(poll);
    };
    poll();
    await settle(new Promise((done) => setTimeout(done, 300)));
    polling = false;
    expect(turns).toBeLessThan(10_000);
  });
});

test('untar reads names, sizes and padding, and refuses a cut archive', () => {
  const header = (name: string, size: number) => {
    const block = Buffer.alloc(512);
    block.write(name, 0);
    block.write(size.toString(8).padStart(11, '0'), 124);
    return block;
  };
  const body = Buffer.alloc(1024, 7);
  const archive = Buffer.concat([header('./a/one.txt', 3), Buffer.from('abc'), Buffer.alloc(509), header('two', 513), body, Buffer.alloc(1024)]);
  const files = untar(archive);
  expect([...files.keys()]).toEqual(['one.txt', 'two']);
  expect(Buffer.from(files.get('one.txt')!).toString()).toBe('abc');
  expect(files.get('two')!.length).toBe(513);
  expect(() => untar(archive.subarray(0, 1200))).toThrow('damaged at byte 1024');
});

/** A process of its own each, since a driver once loaded stays. */
describe.skipIf(process.platform !== 'linux')('in a process of its own', () => {
  const root = mkdtempSync(join(tmpdir(), 'ganc-device-'));
  beforeAll(() => {
    const tsc = resolve('node_modules/typescript/bin/tsc');
    const options = [
      '--ignoreConfig',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node,@webgpu/types',
      '--skipLibCheck',
      '--outDir',
      join(root, 'out'),
    ];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, 'runtime/device/open.ts'], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    // A machine without a Vulkan loader: the first one found is no library.
    mkdirSync(join(root, 'broken'));
    writeFileSync(join(root, 'broken', 'libvulkan.so.1'), '');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const NO_LOADER = { LD_LIBRARY_PATH: join(root, 'broken') };
  const NO_DRIVER = { VK_DRIVER_FILES: '/nonexistent.json', VK_ICD_FILENAMES: '/nonexistent.json' };

  const run = (script: string, env: Record<string, string>): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((done) => {
      const text = `import { openDevice } from ${JSON.stringify(join(root, 'out', 'open.js'))};\n${script}`;
      const child: ChildProcess = execFile(
        process.execPath,
        ['--input-type=module', '-e', text],
        { cwd: root, timeout: 60_000, env: { PATH: process.env.PATH, HOME: root, ...env } },
        (_, out, err) => done({ code: child.exitCode, out, err }),
      );
    });
  const KIND = 'const gpu = await openDevice(); await gpu.settle(gpu.device.queue.onSubmittedWorkDone()); console.log(gpu.kind);';
  const ERROR = 'await openDevice().catch((e) => { console.log(String(e)); process.exitCode = e.exitCode; });';

  test.skipIf(swiftshaderObstacle())('without a loader or a driver, SwiftShader; also several processes at once over an empty cache', async () => {
    const cache = join(root, 'cache');
    const results = await Promise.all([
      run(KIND, { ...NO_LOADER, XDG_CACHE_HOME: cache }),
      run(KIND, { ...NO_DRIVER, XDG_CACHE_HOME: cache }),
      run(KIND, { VK_LOADER_DRIVERS_DISABLE: '*', XDG_CACHE_HOME: cache }),
      run(KIND, { GANC_DEVICE: 'swiftshader', XDG_CACHE_HOME: cache }),
    ]);
    for (const { code, out } of results) expect([code, out]).toEqual([0, 'swiftshader\n']);
    const kept = readdirSync(join(cache, 'ganc'));
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatch(/^swiftshader-/);
  });

  test.skipIf(swiftshaderObstacle())('a cache that cannot be written is done without', async () => {
    writeFileSync(join(root, 'file'), '');
    const { code, out } = await run(KIND, { ...NO_LOADER, XDG_CACHE_HOME: join(root, 'file'), TMPDIR: root });
    expect([code, out]).toEqual([0, 'swiftshader\n']);
  });

  test('a device that is not there: what, why, and how to get it', async () => {
    const [gpu, lavapipe] = await Promise.all([run(ERROR, { ...NO_DRIVER, GANC_DEVICE: 'gpu' }), run(ERROR, { ...NO_LOADER, GANC_DEVICE: 'lavapipe' })]);
    expect(gpu.code).toBe(3);
    expect(gpu.out).toMatch(/^there is no GPU that WebGPU accepts\n {2}reason: no adapter at all\n {2}mend: ./);
    expect(lavapipe.code).toBe(3);
    expect(lavapipe.out).toMatch(/^there is no lavapipe that WebGPU accepts\n {2}reason: .+\n {2}mend: .*lavapipe/);
  });

  test('a device lost during a wait is an error, not a silent end', async () => {
    const { code, out } = await run(
      `const gpu = await openDevice();
      setTimeout(() => gpu.device.destroy(), 20);
      try { await gpu.settle(new Promise(() => {})); } catch (e) { console.log(String(e)); process.exitCode = e.exitCode; }`,
      {},
    );
    expect(code).toBe(3);
    expect(out).toMatch(/^the GPU was lost \(.+\)\n {2}reason: destroyed: .+\n {2}mend: continue with --resume/);
  });
});
