const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^"/, 'string'],
  [/^(-?\d|NaN|-?Infinity)/, 'number'],
  [/^(true|false)$/, 'boolean'],
  [/^an? (array|object)/, 'object'],
  [/^a function$/, 'function'],
]

/** Whether a message ends by saying what came: the value, or its type. `null` is neither an object nor nothing. */
export function saysWhatCame(message: string, got: string): boolean {
  const type = TYPES.find(([pattern]) => pattern.test(got))?.[1]
  const words = [got, got.replace(/^"(.*)"$/, '$1'), ...(type ? [type] : [])]
  return words.some((each) => message.endsWith(`, got ${each}`))
}
