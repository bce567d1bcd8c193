import { describe, expect, test } from 'vitest'
import { createResourceServer, resolveIssuers, type ResourceServerOptions } from '../../../../src/entry-points/index.ts'
import { ISSUER, RESOURCE } from '../../../fixture/issuer.ts'

/** What a server whose `issuers` are these refuses with; `undefined` where it accepts them. */
function refusalOf(issuers: unknown): unknown {
  try {
    createResourceServer({ resource: RESOURCE, issuers } as ResourceServerOptions)
    return undefined
  } catch (error) {
    return error
  }
}

const toIssuer = () => ({ issuer: ISSUER })

describe('the option `issuers`', () => {
  test('refuses a plain function, and names the function to call', () => {
    expect(refusalOf(resolveIssuers(toIssuer))).toBeUndefined()
    expect(refusalOf(toIssuer)).toMatchObject({
      code: 'configuration_invalid',
      detail: expect.stringMatching(/^option "issuers": expected .*resolveIssuers\(…\).*, got a function$/) as string,
    })
  })

  test.each([
    ['nothing', undefined, 'nothing'],
    ['a list', [{ issuer: ISSUER }], 'an array of 1'],
    ['an issuer', { issuer: ISSUER }, 'an object'],
  ])('refuses a resolver that is %s', (_, resolve, got) => {
    expect(refusalOf(resolveIssuers(resolve as never))).toMatchObject({
      code: 'configuration_invalid',
      detail: `option "issuers": expected a function, got ${got}`,
    })
  })
})
