// Owns how the tests run: plain Node, one process per file, nothing global.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A test that passes only the second time is a failing test.
    retry: 0,
    // `npm test` prints one summary line for CI from build/test-reporter.mjs.
    passWithNoTests: false,
  },
});
