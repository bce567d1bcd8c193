import type { Subject, Tamper } from './subject.ts'
import { createIntrospectionSubject } from './subjects/introspection.ts'
import { createKeySetsSubject } from './subjects/key-sets.ts'
import { createMetadataSubject } from './subjects/metadata.ts'
import { createRequestsSubject } from './subjects/requests.ts'
import { createTiersSubject } from './subjects/tiers.ts'
import { createTokensSubject } from './subjects/tokens.ts'

/** Every subject; a new one is added here and nowhere else. */
export const SUBJECTS: readonly ((tamper: Tamper) => Subject)[] = [
  createTokensSubject,
  createRequestsSubject,
  createIntrospectionSubject,
  createKeySetsSubject,
  createMetadataSubject,
  createTiersSubject,
]
