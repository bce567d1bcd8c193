import { expect, test } from 'vitest'
import type { UpstreamRequest } from '../../../src/entry-points/index.ts'
import { secretsIn } from '../../../src/upstream/request-secrets.ts'

const ENDPOINT = 'https://login.example.com/realms/shop/introspect?version=2'

function secrets(changes: Partial<UpstreamRequest>): string[] {
  return secretsIn({ url: ENDPOINT, method: 'POST', headers: new Headers(), body: undefined, ...changes }, ENDPOINT)
}

function inField(name: string, value: string): string[] {
  return secrets({ url: 'https://login.example.com/', headers: new Headers({ [name]: value }) })
}

test('a form’s members are secrets, save those that are known to be none', () => {
  const members = {
    token: 't',
    client_id: 'c',
    client_secret: 's',
    client_assertion: 'a',
    token_type_hint: 'h',
    key: '',
  }
  const found = ['2', 't', 's', 'a', 'key']
  expect(secrets({ body: new URLSearchParams(members) })).toEqual(found)
  expect(secrets({ body: new URLSearchParams(members).toString() })).toEqual(found)
})

test('the texts of a JSON body are secrets, in whatever depth', () => {
  const body = JSON.stringify({ access_token: 't', resource: 'r', n: 1, more: [{ key: 's', scope: ['x'] }, null] })
  expect(secrets({ body })).toEqual(['2', 't', 's'])
})

test('a body that nobody can read is one secret', () => {
  expect(secrets({ body: '<ask token="t"/>' })).toEqual(['2', '<ask token="t"/>'])
})

test('what an address has beyond the endpoint is a secret', () => {
  expect(secrets({ url: `${ENDPOINT}&key=s` })).toEqual(['2', 's'])
  expect(secrets({ url: 'https://login.example.com/realms/shop/introspect/t' })).toEqual(['t'])
  expect(secrets({ url: 'no address' })).toEqual([])
})

test('the credentials of a field are secrets, and its scheme is none', () => {
  expect(inField('authorization', 'Bearer t')).toEqual(['t'])
  expect(inField('authorization', 't')).toEqual(['t'])
  expect(inField('authorization', 'Own id="i", key="s"')).toEqual(['i', 's'])
  expect(inField('cookie', 'a=b; session=s==')).toEqual(['b', 's=='])
  expect(inField('x-api-key', 's')).toEqual(['s'])
  expect(inField('accept', 'application/json')).toEqual([])
})

test('the password of Basic credentials is a secret, form-encoded or not', () => {
  expect(inField('authorization', `Basic ${btoa('c:p%2Bq+r')}`)).toEqual([btoa('c:p%2Bq+r'), 'p%2Bq+r', 'p+q r'])
  expect(inField('authorization', `basic ${btoa('c:100%&x')}`)).toEqual([btoa('c:100%&x'), '100%&x'])
  expect(inField('authorization', 'Basic !')).toEqual(['!'])
})
