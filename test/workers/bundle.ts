import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Bundles a Worker into one module; `library` stands in for the index of `src` and for `bearward`. */
export async function bundleWorker(entry: URL, library?: URL): Promise<string> {
  const replacement = library && fileURLToPath(library)
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    ...(replacement !== undefined && {
      resolve: { alias: [{ find: /^(bearward|.*\/src\/entry-points\/index\.ts)$/, replacement }] },
    }),
    build: {
      write: false,
      minify: false,
      target: 'esnext',
      lib: { entry: fileURLToPath(entry), formats: ['es'], fileName: 'worker' },
    },
  })
  const [output] = Array.isArray(built) ? built : [built]
  if (!output || !('output' in output)) throw new Error('the Worker was not bundled')
  return output.output[0].code
}
