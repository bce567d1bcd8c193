import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { defineConfig } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

const ENTRY_POINTS = readdirSync('src/entry-points').map((file) => basename(file, '.ts'))

// A few files in place of seventy, which Node takes twice as long to find and load. Unlike other bundlers this one leaves
// constants constant: the engine makes faster code of them. The declarations are bundled too: users see what is handed out.
export default defineConfig({
  input: Object.fromEntries(ENTRY_POINTS.map((name) => [name, `src/entry-points/${name}.ts`])),
  external: /^[^./]/,
  platform: 'neutral',
  tsconfig: false,
  transform: { target: 'es2023' },
  plugins: [dts({ generator: 'oxc', tsconfig: false })],
  output: { dir: 'dist', format: 'esm', chunkFileNames: 'shared-[hash].js' },
})
