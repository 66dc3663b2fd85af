import type { Tokens } from './contract.ts'
import { orAborted } from './deadline.ts'
import { NoodleError } from './noodle-error.ts'

/** Where a token comes from; `isRefused` tells that the last one was not accepted. */
export type TokenSource = (last: { isRefused: boolean }) => string | Promise<string>

/** Who calls. At most one of: a token (or where it comes from), or a user's name and password. */
export interface CredentialOptions {
  token?: string | TokenSource | undefined
  username?: string | undefined
  password?: string | undefined
}

export interface Credentials {
  /** The token for a call; undefined calls without one. */
  bearer(signal?: AbortSignal): Promise<string | undefined>
  /** Another one after `refused` was not accepted; the same when there is no other. All who ask at once share one login. */
  renew(refused: string, signal?: AbortSignal): Promise<string>
  /** The refresh token of the login that was made, which is not used any more then. */
  takeRefreshToken(): string | undefined
}

/** How the tokens of a login are asked for. */
export interface LoginCalls {
  logIn(username: string, password: string): Promise<Tokens>
  refresh(refreshToken: string): Promise<Tokens>
}

/** @throws TypeError when the options contradict each other */
export function makeCredentials(options: CredentialOptions, calls: LoginCalls): Credentials {
  const { token, username, password } = options
  if (token !== undefined && (username ?? password) !== undefined)
    throw new TypeError('Give either token, or username with password; not both.')
  if ((username === undefined) !== (password === undefined))
    throw new TypeError('username and password belong together; one of them is missing.')
  if (username !== undefined && password !== undefined) return fromLogin(username, password, calls)
  if (typeof token === 'function') return fromSource(token)
  return {
    bearer: () => Promise.resolve(token),
    renew: (refused) => Promise.resolve(refused),
    takeRefreshToken: () => undefined,
  }
}

function fromSource(source: TokenSource): Credentials {
  let renewal: Promise<string> | undefined
  return {
    bearer: (signal) => orAborted(Promise.resolve(source({ isRefused: false })), signal),
    renew(_refused, signal) {
      renewal ??= Promise.resolve(source({ isRefused: true })).finally(() => (renewal = undefined))
      return orAborted(renewal, signal)
    },
    takeRefreshToken: () => undefined,
  }
}

/** A token is not used in the last tenth of its life, or the last minute: the call that it goes with takes time. */
const marginOf = (lifeMs: number): number => Math.min(60_000, lifeMs / 10)

function fromLogin(username: string, password: string, calls: LoginCalls): Credentials {
  let tokens: { access: string; refresh: string | undefined; staleAtMs: number } | undefined
  let login: Promise<string> | undefined

  async function obtain(): Promise<string> {
    const refreshToken = tokens?.refresh
    tokens = undefined // a refresh token is good for one use: should the answer be lost, it must not be used again
    const fresh =
      (refreshToken === undefined ? undefined : await refreshed(refreshToken)) ??
      (await calls.logIn(username, password))
    const lifeMs = fresh.expiresIn * 1000
    tokens = {
      access: fresh.accessToken,
      refresh: fresh.refreshToken,
      staleAtMs: performance.now() + lifeMs - marginOf(lifeMs),
    }
    return fresh.accessToken
  }

  /** Undefined when it did not work, for whatever reason: the password is at hand. */
  async function refreshed(refreshToken: string): Promise<Tokens | undefined> {
    try {
      return await calls.refresh(refreshToken)
    } catch (error) {
      if (error instanceof NoodleError) return undefined
      throw error
    }
  }

  const sharedLogin = (signal?: AbortSignal): Promise<string> =>
    orAborted((login ??= obtain().finally(() => (login = undefined))), signal)

  return {
    async bearer(signal) {
      const isFresh = tokens !== undefined && performance.now() < tokens.staleAtMs
      return isFresh ? tokens?.access : sharedLogin(signal)
    },
    async renew(refused, signal) {
      // Another call may have got a new one meanwhile.
      return tokens && tokens.access !== refused ? tokens.access : sharedLogin(signal)
    },
    takeRefreshToken() {
      const refresh = tokens?.refresh
      if (tokens) tokens.refresh = undefined
      return refresh
    },
  }
}
