import { join } from 'node:path'

export default {
  // The built package lies outside of this folder.
  turbopack: { root: join(import.meta.dirname, '../../../..') },
  // It would ask the package registry for advisories.
  experimental: { agentUpgrade: false },
}
