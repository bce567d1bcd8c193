import { withoutSecrets } from '../../upstream/concealment.ts'
import type { Services } from '../../parts.ts'
import type { AccessToken } from '../../pipeline.ts'
import { withSchema } from '../../token/claims-schema.ts'

/** Accepted tokens with the claims that the schema makes of theirs, once for each answer. */
export interface ShapedClaims {
  /** Records secrets of a token. The schema's refusal names members, and the endpoint could have named them after a secret. */
  readonly conceal: (accessToken: AccessToken, secrets: readonly string[]) => void
  /** @throws {BearwardError} claim_invalid */
  readonly shape: <Claims>(
    accessToken: AccessToken,
    token: string,
  ) => AccessToken<Claims> | Promise<AccessToken<Claims>>
}

export function createShapedClaims(schema: Services['claims']): ShapedClaims {
  const shaped = new WeakMap<AccessToken, AccessToken<unknown>>()
  const concealed = new WeakMap<AccessToken, readonly string[]>()

  async function make<Claims>(accessToken: AccessToken, token: string): Promise<AccessToken<Claims>> {
    try {
      const made = await withSchema<Claims>(accessToken, schema)
      shaped.set(accessToken, made)
      concealed.delete(accessToken)
      return made
    } catch (refused) {
      throw withoutSecrets(refused, concealed.get(accessToken) ?? [token])
    }
  }

  return {
    conceal(accessToken, secrets) {
      if (schema) concealed.set(accessToken, secrets)
    },
    shape<Claims>(accessToken: AccessToken, token: string) {
      const known = shaped.get(accessToken) as AccessToken<Claims> | undefined
      return known ?? make<Claims>(accessToken, token)
    },
  }
}
