import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writePrivately } from '../local/private-file.ts'

const shape = z.object({
  url: z.string(),
  username: z.string(),
  accessToken: z.string(),
  expiresAt: z.iso.datetime(),
})

export type CachedToken = z.output<typeof shape>

/** A token is not used in its last minute: the call that it goes with takes time, and clocks differ. */
const marginMs = 60_000

const fileIn = (home: string): string => join(home, 'token.json')

/** The token of an earlier command for the same login, while it is valid: a login for each would meet the limit of 10 a minute. */
export function readCachedToken(
  home: string,
  login: { url: string; username: string },
): CachedToken | undefined {
  try {
    const token = shape.parse(JSON.parse(readFileSync(fileIn(home), 'utf8')))
    const isOurs = token.url === login.url && token.username === login.username
    return isOurs && Date.parse(token.expiresAt) - Date.now() > marginMs ? token : undefined
  } catch {
    return undefined
  }
}

/** A home that can't be written costs a login each time, no more. */
export function cacheToken(home: string, token: CachedToken): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 })
    writePrivately(fileIn(home), token)
  } catch {
    // said nowhere: nobody asked for the cache
  }
}
