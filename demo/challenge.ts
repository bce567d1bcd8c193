// Reads a WWW-Authenticate field as a client would.

export interface Challenge {
  readonly scheme: string
  readonly params: Readonly<Record<string, string>>
}

/**
 * Reads the one challenge of the field, or returns `undefined` where it does not match the grammar.
 *
 * @see RFC 9110 §11.6.1
 */
export function parseChallenge(field: string): Challenge | undefined {
  const [, scheme, rest = ''] = /^([!#$%&'*+.^_`|~\w-]+)(?: +(.+))?$/.exec(field) ?? []
  if (scheme === undefined) return undefined
  const params: Record<string, string> = {}
  const parameter = /([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[\t !#-[\]-~]|\\[\t -~])*)"|([!#$%&'*+.^_`|~\w-]+))(?:, *|$)/y
  while (parameter.lastIndex < rest.length) {
    const match = parameter.exec(rest)
    const [, name = '', quoted, token] = match ?? []
    if (!match || name in params) return undefined
    params[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, '$1') ?? token ?? ''
  }
  return { scheme, params }
}
