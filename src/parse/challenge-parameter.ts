const NAME = /^[\w!#$%&'*+.^`|~-]+$/
const VALUE = /^[\x20-\x7e]+$/
const OWN_NAMES = new Set(['realm', 'error', 'error_description', 'scope', 'resource_metadata'])

/**
 * Whether a challenge can carry a parameter beside its own: the name is a token, the value printable ASCII, and bearward itself
 * sends no parameter of that name.
 *
 * @see RFC 9110 §5.6.2, §5.6.4 and §11.2
 */
export function isFurtherParameter(name: string, value: unknown): value is string {
  return NAME.test(name) && !OWN_NAMES.has(name.toLowerCase()) && typeof value === 'string' && VALUE.test(value)
}
