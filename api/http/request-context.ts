import type express from 'express'
import type { Logger } from '../../core/logger.ts'
import type { Actor } from '../../queue/domain/user.ts'

/** What the middleware before a route found out about a request; kept in `response.locals`. */
export interface RequestContext {
  requestId: string
  /** Made for the first who asks: most requests have nothing to say. */
  log: () => Logger
  actor: Actor | undefined
  /** Why the token was refused; told only after the rate limit has counted the request. */
  authError: Error | undefined
  /** What the rate limit has to tell; undefined where none counted. */
  rateHeaders: Record<string, string> | undefined
}

export const contextOf = (response: express.Response): RequestContext => response.locals as RequestContext
