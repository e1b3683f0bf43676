import { defineConfig } from 'vitest/config';

// Packages are resolved to their sources, so that a unit test never reads a stale `dist`.
// `import` must not be named: the runner adds it where it holds, and named it would reach `require` too (pg, pg-pool).
const conditions = ['@stile/source', 'node'];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
          globalSetup: ['test/support/postgres-global-setup.ts'],
          include: [
            'packages/*/src/**/*.test.ts',
            'test/architecture/**/*.test.ts',
            'test/fuzz/**/*.test.ts',
          ],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          // After the unit tests: real processes want the machine for themselves.
          sequence: { groupOrder: 1 },
          globalSetup: ['test/support/postgres-global-setup.ts'],
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: true,
          maxWorkers: 2,
        },
      },
    ],
  },
});
