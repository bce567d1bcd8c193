import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, type FormatOptions } from 'oxfmt'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'
import { parseSync } from 'rolldown/utils'
import { ENTRY_POINTS, importedAs, ROOT } from './sources.ts'

/** The reports in the repository: one file for each entry point. */
const FOLDER = join(ROOT, 'api')

const NAME = /^(?:export )?(?:declare )?(?:abstract )?(?:function|const|class|interface|type|enum) ([\w$]+)/

interface Declaration {
  readonly name: string
  readonly code: string
}

/** Puts the declarations of one entry point and all that they need in one text. */
async function bundleDeclarations(entryPoint: string): Promise<string> {
  const bundle = await rolldown({
    cwd: ROOT,
    input: `dist/${entryPoint}.d.ts`,
    external: /^[^./]/,
    tsconfig: false,
    plugins: [dts({ generator: 'oxc', dtsInput: true, emitDtsOnly: true, tsconfig: false })],
  })
  const { output } = await bundle.generate({ format: 'esm' })
  await bundle.close()
  const [chunk] = output
  if (output.length > 1) throw new Error(`the bundler made several files of the declarations of ${entryPoint}`)
  return chunk.code
}

/** Removes the comments: a report changes with the types alone. */
function withoutComments(code: string): string {
  return parseSync('report.d.ts', code)
    .comments.toReversed()
    .reduce((rest, { start, end }) => rest.slice(0, start) + rest.slice(end).trimStart(), code)
}

/** Orders the declarations by name, so that a move in `src` changes no report, and writes `export` before the exported ones. */
function inOrder(code: string): string {
  const imports: string[] = []
  const declarations: Declaration[] = []
  const exported = new Set<string>()
  const renamed: string[] = []
  for (const statement of parseSync('report.d.ts', code).program.body) {
    const text = code.slice(statement.start, statement.end)
    if (statement.type === 'ImportDeclaration') imports.push(text)
    else if (statement.type === 'ExportNamedDeclaration' && statement.declaration === null) {
      for (const specifier of statement.specifiers) {
        const local = code.slice(specifier.local.start, specifier.local.end)
        const name = code.slice(specifier.exported.start, specifier.exported.end)
        if (local === name) exported.add(name)
        else renamed.push(`export { ${local} as ${name} }`)
      }
    } else {
      const name = NAME.exec(text)?.[1]
      if (name === undefined) throw new Error(`cannot find the name of the declaration: ${text}`)
      declarations.push({ name, code: text })
    }
  }
  const ordered = declarations
    .toSorted((one, other) => (one.name < other.name ? -1 : Number(one.name > other.name)))
    .map(({ name, code: text }) => (exported.has(name) ? `export ${text}` : text))
  return [...imports.toSorted(), ...ordered, ...renamed.toSorted()].join('\n\n')
}

/** Makes a report for every entry point from the declarations in `dist`: file name → text. */
async function makeReports(): Promise<ReadonlyMap<string, string>> {
  const style = JSON.parse(readFileSync(join(ROOT, '.oxfmtrc.json'), 'utf8')) as FormatOptions
  return new Map(
    await Promise.all(
      ENTRY_POINTS.map(async (entryPoint) => {
        const title = `// The exports of '${importedAs(entryPoint)}' and the types that they need. \`npm run api\` writes this file.`
        const code = inOrder(withoutComments(await bundleDeclarations(entryPoint)))
        const formatted = await format('report.d.ts', `${title}\n\n${code}`, style)
        return [`${entryPoint}.d.ts`, formatted.code] as const
      }),
    ),
  )
}

/** Reads the reports in the repository: file name → text. */
function readReports(): ReadonlyMap<string, string> {
  return new Map(readdirSync(FOLDER).map((file) => [file, readFileSync(join(FOLDER, file), 'utf8')]))
}

/** Lists the reports that are missing, superfluous or different from the declarations in `dist`. */
export async function outdatedReports(): Promise<readonly string[]> {
  const [present, wanted] = [readReports(), await makeReports()]
  const files = new Set([...present.keys(), ...wanted.keys()])
  return [...files].filter((file) => present.get(file) !== wanted.get(file)).toSorted()
}

async function writeReports(): Promise<void> {
  const wanted = await makeReports()
  for (const file of readReports().keys()) if (!wanted.has(file)) rmSync(join(FOLDER, file))
  for (const [file, text] of wanted) writeFileSync(join(FOLDER, file), text)
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const outdated = await outdatedReports()
    if (outdated.length > 0) {
      console.error(
        `The public API differs from api/: ${outdated.join(', ')}. If you mean the change, run \`npm run api\` and commit api/.`,
      )
      process.exitCode = 1
    }
  } else await writeReports()
}
