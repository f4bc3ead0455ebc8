import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What was measured on this machine would change which kernels run: by the table always.
    env: { GANC_TUNE: 'off' },
    globalSetup: ['scripts/prelude.mjs'],
    // Dawn is a native module: processes, not threads; a software GPU already uses every core.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
