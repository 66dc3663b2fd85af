import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { Logger } from '../../core/logger.ts'
import type { Actor, Permission } from '../../queue/domain/user.ts'

/** Who may call: a permission, any who is logged in, or anyone. A route without one does not compile. */
export type Access = Permission | 'authenticated' | 'anyone'

/**
 * A request that was authenticated, allowed, and whose parts have the shapes of the route. What few ask for is made when asked for, by functions: an object
 * written with `get` has a hidden class of its own in V8, which outlives the request and keeps all that it reaches from the young collector.
 */
export interface Call<Params, Query, Body> {
  params: Params
  query: Query
  body: Body
  /** The JSON body as it came, before defaults and coercions; undefined when there was none. */
  json: unknown
  /** Undefined only where anyone may call. */
  actor: Actor | undefined
  header(name: string): string | undefined
  /** Address of the client, behind the trusted proxies. */
  address: () => string
  requestId: string
  /** Aborts when the client goes away. */
  gone: () => AbortSignal
  /** Also aborts when the gateway closes: for those who wait for what may take long. */
  dismissed: () => AbortSignal
  log: () => Logger
  /** For streams only. */
  raw: { request: IncomingMessage; response: ServerResponse }
}

/** `undefined` as body sends none. A `stream` writes the response itself and ends it. */
export type Reply =
  | { status: number; body?: unknown; headers?: Record<string, string> }
  | { stream: (response: ServerResponse) => Promise<void> }

export interface ResponseDoc {
  description: string
  schema?: z.ZodType
  contentType?: string
}

export interface Route {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As Express 5 writes it: `/v1/jobs/:id`. What a `*name` matches, slashes and all, is one text. */
  path: string
  access: Access
  tag: string
  summary: string
  description?: string
  params?: z.ZodObject
  query?: z.ZodObject
  /** The JSON body. A route without one refuses a body. */
  body?: z.ZodType
  /** True when the body may be as large as a payload. */
  takesPayload?: boolean
  /** Called before the body is read, for refusals that it can't change. */
  admit?: () => void
  /** Looks at the body before its schema does, for refusals with a word of their own. */
  refuse?: (json: unknown) => void
  /** True when an absent body counts as {}. */
  isBodyOptional?: boolean
  /** The handler reads the body from `raw.request` itself. */
  readsBody?: { contentTypes: string[] }
  /** Documented request headers: name to sentence. */
  headers?: Record<string, string>
  responses: Record<number, ResponseDoc>
  /** Not limited by the general rate limit: it has its own, or must always answer. */
  isUnlimited?: boolean
  handle(call: Call<unknown, unknown, unknown>): Promise<Reply>
}

type Parsed<T extends z.ZodType | undefined> = T extends z.ZodType ? z.output<T> : undefined

/** Gives a route's handler the types of its schemas. */
export function route<
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  definition: Omit<Route, 'handle' | 'params' | 'query' | 'body'> & {
    params?: Params
    query?: Query
    body?: Body
    handle(call: Call<Parsed<Params>, Parsed<Query>, Parsed<Body>>): Promise<Reply>
  },
): Route {
  return definition as unknown as Route
}

/** The actor of a call that only who is logged in can make. */
export function actorOf(call: Pick<Call<unknown, unknown, unknown>, 'actor'>): Actor {
  if (!call.actor) throw new Error('This route lets anyone in, so it has no actor.')
  return call.actor
}
