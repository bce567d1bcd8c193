import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseSync } from 'rolldown/utils'

/** One name that a module exports. */
export interface Export {
  /** The file that declares it. */
  readonly file: string
  /** The text of the doc comment in front of its declaration, if there is one. */
  readonly comment: string | undefined
  /** It exists at run time. */
  readonly isValue: boolean
}

/** The declaration of a name that a module passes on. */
interface Origin {
  readonly file: string
  readonly name: string
}

const TYPES = new Set(['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'])

/** The files read so far. */
const read = new Map<string, ReadonlyMap<string, Export>>()

/** Lists the exports of a TypeScript module: name → its declaration, however many modules pass it on. */
export function exportsOf(file: string): ReadonlyMap<string, Export> {
  const exports = read.get(file) ?? readExports(file)
  read.set(file, exports)
  return exports
}

function readExports(file: string): ReadonlyMap<string, Export> {
  const code = readFileSync(file, 'utf8')
  const { program, comments } = parseSync(file, code)
  const imports = new Map<string, Origin>()
  const found = new Map<string, Export>()
  const passOn = (as: string, { file: from, name }: Origin, typeOnly: boolean): void => {
    const origin = exportsOf(from).get(name)
    if (origin === undefined) throw new Error(`${file} exports ${as}, which ${from} does not export as ${name}`)
    found.set(as, { ...origin, isValue: origin.isValue && !typeOnly })
  }
  // A module may import below its exports.
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue
    for (const specifier of statement.specifiers) {
      if (specifier.type !== 'ImportSpecifier') continue
      const name = code.slice(specifier.imported.start, specifier.imported.end)
      imports.set(specifier.local.name, { file: resolve(dirname(file), statement.source.value), name })
    }
  }
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration') continue
    const { declaration, source } = statement
    for (const specifier of statement.specifiers) {
      const [local, as] = [specifier.local, specifier.exported].map(({ start, end }) => code.slice(start, end))
      if (local === undefined || as === undefined) continue
      const typeOnly = statement.exportKind === 'type' || specifier.exportKind === 'type'
      const origin = source === null ? imports.get(local) : { file: resolve(dirname(file), source.value), name: local }
      if (origin === undefined) throw new Error(`${file} exports ${as} apart from its declaration`)
      passOn(as, origin, typeOnly)
    }
    if (declaration === null) continue
    const comment = comments.findLast(
      ({ value, end }) =>
        value.startsWith('*') && end <= statement.start && code.slice(end, statement.start).trim() === '',
    )?.value
    const isValue = !TYPES.has(declaration.type)
    const names =
      declaration.type === 'VariableDeclaration'
        ? declaration.declarations.map(({ id }) => code.slice(id.start, id.typeAnnotation?.start ?? id.end))
        : 'id' in declaration && declaration.id !== null
          ? [code.slice(declaration.id.start, declaration.id.end)]
          : []
    // Of overloads the first has the comment.
    for (const name of names) if (!found.has(name)) found.set(name, { file, comment, isValue })
  }
  return found
}
