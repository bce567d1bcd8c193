// What people reported and no message can say: the documentation has to.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

function read(...names: readonly string[]): string {
  return names.map((name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')).join('\n')
}

test.each([
  ['tokens of Okta’s org authorization server', read('configuration'), /org authorization server/],
  ['Auth0’s encrypted and opaque tokens', read('errors'), /asks for an\s+`audience`/],
  ['Entra’s tokens for Microsoft Graph', read('errors', 'configuration'), /Graph/],
  ['service bindings between Workers', read('configuration'), /service binding/i],
])('the documentation speaks of %s', (_, text, words) => {
  expect(text).toMatch(words)
})
