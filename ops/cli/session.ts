import { readConfig } from '../../core/config.ts'
import { credentialsFile, type Credentials, homeFolder, readCredentials } from '../local/home.ts'
import type { TokenSource } from '../../client/src/credentials.ts'
import { ApiError, makeApiClient } from './api-client.ts'
import type { Tokens } from '../../client/src/contract.ts'
import { CliError } from './cli-error.ts'
import { cacheToken, type CachedToken, readCachedToken } from './token-cache.ts'

/** Which gateway commands talk to, and as whom. */
export interface Session {
  url: string
  token: TokenSource
}

/**
 * NOODLE_URL with NOODLE_TOKEN; else the gateway that `npm start` started, with a login by its credentials file.
 * @throws CliError when neither is there
 */
export function openSession(): Session {
  const config = readConfig(['NOODLE_URL', 'NOODLE_TOKEN', 'NOODLE_HOME'])
  const home = homeFolder(config.NOODLE_HOME)
  const credentials = readCredentials(home)
  const url = config.NOODLE_URL ?? credentials?.url
  if (url === undefined) {
    throw new CliError(
      `Noodle has not run here yet: ${credentialsFile(home)} is not there. Start it with npm start, or set NOODLE_URL and NOODLE_TOKEN to use one that runs elsewhere.`,
    )
  }
  const { NOODLE_TOKEN: given } = config
  if (given !== undefined) return { url, token: () => Promise.resolve(given) }
  // A password is sent only to the gateway that it belongs to.
  if (!credentials || new URL(url).origin !== new URL(credentials.url).origin) {
    throw new CliError(
      `NOODLE_URL is ${url}, but NOODLE_TOKEN is not set. Get a token with: noodle token --username NAME`,
    )
  }
  return { url, token: makeTokenSource(home, { ...credentials, url }) }
}

/** The gateway's address alone, for what needs no login. */
export function findGatewayUrl(): string | undefined {
  const config = readConfig(['NOODLE_URL', 'NOODLE_HOME'])
  return config.NOODLE_URL ?? readCredentials(homeFolder(config.NOODLE_HOME))?.url
}

function makeTokenSource(home: string, credentials: Credentials): TokenSource {
  let current = readCachedToken(home, credentials)
  return async ({ isRefused }) => {
    if (isRefused) current = undefined
    if (!current) {
      current = await logIn(credentials).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.status !== 401) throw error
        throw new CliError(
          `The password of ${credentials.username} in ${credentialsFile(home)} is not valid any more. Put the new one there, or set NOODLE_TOKEN.`,
        )
      })
      cacheToken(home, current)
    }
    return current.accessToken
  }
}

/** @throws ApiError with status 401 when name or password are wrong */
export async function logIn({ url, username, password }: Credentials): Promise<CachedToken> {
  const body = JSON.stringify({ username, password })
  const answer = await makeApiClient(url).call<Tokens>('POST', '/v1/auth/token', { body })
  const expiresAt = new Date(Date.now() + answer.expiresIn * 1000).toISOString()
  return { url, username, accessToken: answer.accessToken, expiresAt }
}
