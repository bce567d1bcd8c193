/** Members of ID tokens, logout tokens and security events, never of access tokens. @see OpenID Connect Core 1.0 §3.3.2.11, RFC 8417 §2.2 */
export const FOREIGN_MEMBERS: readonly string[] = ['at_hash', 'c_hash', 's_hash', 'events']

/** Values of PingAM's `tokenName` for other kinds of tokens. */
export const FOREIGN_TOKEN_NAMES: readonly string[] = ['refresh_token', 'id_token']

/** Values of `typ` in Keycloak's payloads for other kinds of tokens, in lower case. */
export const FOREIGN_TYPES: readonly string[] = ['id', 'refresh', 'offline', 'logout']
