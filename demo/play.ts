// Plays the sections in order, with the events between them.

import { setTimeout as pause } from 'node:timers/promises'
import { clients, type AuthorizationServer } from './authorization-server.ts'
import type { Credentials } from './credentials.ts'
import type { Happening, Section } from './expectations.ts'
import { revoke, type Endpoints } from './flows.ts'
import { runRows, type Outcome } from './run.ts'
import { rememberedSeconds } from './settings.ts'

/** One runtime's API, with plain and with signed introspection answers. */
interface Api {
  readonly name: string
  readonly plain: string
  readonly signed: string
}

export interface Scene {
  readonly authorizationServer: AuthorizationServer
  readonly endpoints: Endpoints
  readonly credentials: Credentials
  readonly apis: readonly Api[]
}

/** The outcomes of one API, in the order of the rows. */
interface Column {
  readonly name: string
  readonly outcomes: readonly Outcome[]
}

export interface PlayedSection {
  readonly title: string
  readonly columns: readonly Column[]
}

/** Plays every section against all APIs together, since each event concerns all of them. */
export async function playSections(sections: readonly Section[], scene: Scene): Promise<PlayedSection[]> {
  const played: PlayedSection[] = []
  for (const { title, after, answers = 'plain', rows } of sections) {
    if (after) await happenings[after](scene)
    const columns = await Promise.all(
      scene.apis.map(async (api) => ({
        name: api.name,
        outcomes: await runRows(api[answers], rows, scene.credentials),
      })),
    )
    played.push({ title, columns })
  }
  return played
}

const happenings: Readonly<Record<Happening, (scene: Scene) => Promise<void>>> = {
  'carol signs out': ({ endpoints, credentials }) => revoke(endpoints, clients.portal, credentials['opaque: carol']),
  // Timers may end a moment early.
  'answers are forgotten': () => pause(rememberedSeconds * 1000 + 50),
  outage: ({ authorizationServer }) => authorizationServer.stop(),
  recovery: ({ authorizationServer }) => authorizationServer.restart(),
}
