import { base64url, goodClaims } from '../test/fixture/issuer.ts'

/** A token of a trusted issuer with an unknown key, different for each index. */
export function junkToken(issuer: string, index: number): string {
  const now = Math.floor(Date.now() / 1000)
  const header = base64url(`{"alg":"ES256","typ":"at+jwt","kid":"junk-${index}"}`)
  const payload = base64url(JSON.stringify(goodClaims({ iss: issuer, iat: now - 10, exp: now + 3_600 })))
  return `${header}.${payload}.${base64url(new Uint8Array(64).fill(1 + (index % 250)))}`
}
