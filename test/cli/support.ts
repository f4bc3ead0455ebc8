/** Runs the built command line in a process of its own, as a user would. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export const root = join(import.meta.dirname, '..', '..');

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Record<string, string>;
  /** Sees stderr as it grows, and the process, to send it signals. */
  readonly watch?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** What Dawn itself prints, of lavapipe's limits or of a Vulkan that is not there. */
const DRIVER = /^Warning: (?:maxDynamic\w+ artificially|vkCreateInstance|Couldn't load Vulkan).*\n(?: {4}at .*\n)*\n?/gm;

/** `ganc` with arguments, through the launcher: it builds first where sources are newer. */
export function ganc(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'ganc'), args, { cwd: options.cwd ?? root, env: { ...process.env, NO_COLOR: '1', ...options.env } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      options.watch?.(stderr, (signal) => child.kill(signal));
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr: stderr.replace(DRIVER, '') }));
    child.stdin.end(options.input ?? '');
  });
}

/** A folder that goes when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ganc-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
