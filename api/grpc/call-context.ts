import { randomUUID } from 'node:crypto'
import type { Metadata } from '@grpc/grpc-js'
import type { Logger } from '../../core/logger.ts'
import type { Actor } from '../../queue/domain/user.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import type { GrpcCall } from './method.ts'

/** A call as its method sees it, and what the server needs to know of it. */
export interface CallContext extends GrpcCall {
  actor: Actor | undefined
  isGone: boolean
  /** Aborts `gone`. */
  leave(): void
}

const requestIdShape = /^[A-Za-z0-9._-]{1,64}$/

/** @param peer gives address and port of the other end */
export function makeCallContext(deps: GatewayDeps, metadata: Metadata, peer: () => string): CallContext {
  let requestId: string | undefined
  let address: string | undefined
  let log: Logger | undefined
  let gone: AbortController | undefined
  const context: CallContext = {
    actor: undefined,
    isGone: false,
    metadata: (name) => textOf(metadata, name),
    /** A call keeps the id that the client or the load balancer gave it. */
    requestId: () => (requestId ??= readRequestId(textOf(metadata, 'x-request-id'))),
    address: () =>
      (address ??= clientAddress(peer(), textOf(metadata, 'x-forwarded-for'), deps.config.TRUST_PROXY_HOPS)),
    log: () => (log ??= deps.queue.log.child({ requestId: context.requestId() })),
    /** Made only for those who ask: most calls are answered sooner than anybody goes away. */
    gone() {
      gone ??= new AbortController()
      // With a reason, for the default one records a stack.
      if (context.isGone) gone.abort('gone')
      return gone.signal
    },
    leave() {
      context.isGone = true
      gone?.abort('gone')
    },
  }
  return context
}

const readRequestId = (given: string | undefined): string =>
  given !== undefined && requestIdShape.test(given) ? given : randomUUID()

/** Several values are joined, so that who sends two tokens can not choose which one counts. */
function textOf(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name)
  return values.length === 0 ? undefined : values.join(', ')
}

/** As `trust proxy` of the HTTP side: so many entries of X-Forwarded-For are believed, and no more. */
function clientAddress(peer: string, forwardedFor: string | undefined, hops: number): string {
  const own = peer.replace(/:\d+$/, '')
  if (hops === 0 || forwardedFor === undefined) return own
  const addresses = [...forwardedFor.split(',').map((part) => part.trim()), own].reverse()
  return addresses[Math.min(hops, addresses.length - 1)] ?? own
}
