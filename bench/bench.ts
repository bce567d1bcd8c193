// `npm run bench`: measures everything and writes the report to bench/results/. With `--quick` it measures little, prints the report
// and writes nothing. It judges nothing either: that is what `npm run prove:speed` does.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { collectResults } from './collect.ts'
import { writeReport } from './report.ts'

const quick = process.argv.includes('--quick')
const started = performance.now()
const say = (line: string): void =>
  console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`)

const files = writeReport(await collectResults(quick, say))
say('done')
if (quick) {
  console.log(files.get('report.md'))
} else {
  const directory = join(import.meta.dirname, 'results')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory)
  for (const [name, content] of files) await writeFile(join(directory, name), content)
  console.log(`${[...files.keys()].join(', ')} in bench/results`)
}
process.exit()
