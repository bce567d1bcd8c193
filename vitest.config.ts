import { fileURLToPath } from 'node:url'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { defineProgramTags } from './test/fixture/programs.ts'
import { BothRuntimesReporter } from './test/runtimes/both-runtimes-reporter.ts'
import { ProgramsReporter } from './test/runtimes/programs-reporter.ts'

// No test may reach beyond loopback, and no tool may phone home.
process.env['WRANGLER_SEND_METRICS'] = 'false'
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
process.env['WRANGLER_HIDE_BANNER'] = 'true'

const ROOT = fileURLToPath(new URL('.', import.meta.url))
const SHARED = 'test/**/*.shared.test.ts'
const FRAMEWORKS = 'test/frameworks'
const WATCH = 'test/fixture/leak-watch.ts'

export default defineConfig({
  test: {
    reporters: ['default', new BothRuntimesReporter(ROOT), new ProgramsReporter(ROOT)],
    tags: defineProgramTags(),
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [`${FRAMEWORKS}/**`],
          setupFiles: WATCH,
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            miniflare: {
              compatibilityDate: '2026-10-01',
              // Without Node's modules the core must run on web standards alone.
              compatibilityFlags: ['no_nodejs_compat', 'no_nodejs_compat_v2'],
              cf: false,
              kvNamespaces: ['BEARWARD_CACHE'],
            },
          }),
        ],
        test: { name: 'workerd', include: [SHARED], setupFiles: WATCH, testTimeout: 20_000 },
      },
      {
        test: {
          name: 'frameworks',
          include: [`${FRAMEWORKS}/*.test.ts`],
          globalSetup: `${FRAMEWORKS}/install.ts`,
          setupFiles: WATCH,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
