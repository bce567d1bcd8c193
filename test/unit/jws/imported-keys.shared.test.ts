import { expect, test } from 'vitest'
import { createImportedKeys, type ImportsOfKey } from '../../../src/jws/imported-keys.ts'
import { signingKey } from '../../fixture/issuer.ts'

test('keeps the finished key and never the promise of it, which may die with the request that made it', async () => {
  const { jwk } = await signingKey()
  const into: ImportsOfKey = new Map()
  const imports = createImportedKeys()
  const underWay = imports.importKey(JSON.stringify(jwk), 'ES256', into)
  expect(into.size).toBe(0)
  const key = await underWay
  expect(into.get('ES256')).toBe(key)
  expect(key).toBeInstanceOf(CryptoKey)
})

test('keeps nothing of an import that failed', async () => {
  const { jwk } = await signingKey()
  const into: ImportsOfKey = new Map()
  const imports = createImportedKeys()
  await expect(imports.importKey(JSON.stringify({ ...jwk, x: 'AA' }), 'ES256', into)).rejects.toThrow()
  expect(into.size).toBe(0)
})
