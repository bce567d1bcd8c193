// CodeGenieApp/serverless-express#670, localstack/localstack#12688, aws/aws-sam-cli#3208, aws-amplify/amplify-js#6255: events of
// an API gateway carry header names in any case, several values as an array, or no headers at all. RFC 9110 §5.1: names have no
// case; RFC 6750 §3.1: two credentials are a malformed request. None of it may crash the function.
import { expect, test } from 'vitest'
import { BearwardError, type RequestView } from '../../src/entry-points/index.ts'
import { RESOURCE, signToken } from '../fixture/issuer.ts'
import { fixture } from '../fixture/server.ts'

/** `accepted`, or the code of the refusal; anything else that is thrown fails the test. */
async function outcomeOf(view: object): Promise<string> {
  const { api } = await fixture()
  try {
    await api.authenticate({ method: 'GET', url: `${RESOURCE}/prod/orders`, ...view } as RequestView)
    return 'accepted'
  } catch (error) {
    if (error instanceof BearwardError) return error.code
    throw error
  }
}

test.each(['authorization', 'Authorization', 'AUTHORIZATION'])('a record with the name %s', async (name) => {
  expect(await outcomeOf({ headers: { [name]: `Bearer ${await signToken()}` } })).toBe('accepted')
})

test('values in arrays', async () => {
  const credentials = `Bearer ${await signToken()}`
  expect(await outcomeOf({ headers: { Authorization: [credentials], Accept: ['*/*'] } })).toBe('accepted')
  expect(await outcomeOf({ headers: { Authorization: [credentials, 'Basic eA=='] } })).toBe('credentials_ambiguous')
})

test('the same name in two spellings, as an emulator merges them', async () => {
  const credentials = `Bearer ${await signToken()}`
  const headers = { Authorization: credentials, authorization: credentials }
  expect(await outcomeOf({ headers })).toBe('credentials_ambiguous')
})

test.each([[null], [undefined]])('headers that are %s', async (headers) => {
  expect(await outcomeOf({ headers })).toBe('credentials_malformed')
  expect(await outcomeOf({ headers: {} })).toBe('credentials_missing')
})

test('a TOKEN authorizer: its value is a header’s, and no bare token', async () => {
  const authorizationToken = `Bearer ${await signToken()}`
  expect(await outcomeOf({ headers: { authorization: authorizationToken } })).toBe('accepted')
  const { api } = await fixture()
  await expect(api.verify(authorizationToken)).rejects.toMatchObject({ code: 'token_malformed' })
  expect((await api.verify(authorizationToken.slice('Bearer '.length))).subject).toBe('user-1')
})
