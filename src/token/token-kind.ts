/** Members that only ID tokens, logout tokens and security events carry. @see OpenID Connect Core 1.0 §3.3.2.11, RFC 8417 §2.2 */
export const FOREIGN_MEMBERS: readonly string[] = ['at_hash', 'c_hash', 's_hash', 'events']

/** Values of `tokenName`, by which PingAM marks what is no access token. */
export const FOREIGN_TOKEN_NAMES: readonly string[] = ['refresh_token', 'id_token']

/** Values of a payload's `typ`, in lower case, by which Keycloak marks what is no access token. */
export const FOREIGN_TYPES: readonly string[] = ['id', 'refresh', 'offline', 'logout']
