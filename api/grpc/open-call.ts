import { performance } from 'node:perf_hooks'
import { type Metadata, type ServerInterceptingCallInterface, status, type StatusObject } from '@grpc/grpc-js'
import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { type CallContext, makeCallContext } from './call-context.ts'
import type { Method } from './method.ts'
import type { OpenStreams } from './open-streams.ts'
import type { StatusMaker } from './to-status.ts'

/** A method with what the protocol says of it. */
export interface Served<M extends Method = Method> {
  /** Such as `noodle.v1.JobService/Submit`. */
  name: string
  method: M
  decode(bytes: Buffer): object
  encode(response: object): Buffer
}

export interface CallServer {
  deps: GatewayDeps
  statuses: StatusMaker
  streams: OpenStreams
}

/** A call from its first header to its status. */
export interface OpenCall {
  server: CallServer
  served: Served
  base: ServerInterceptingCallInterface
  context: CallContext
  startedMs: number
  /** It has its status, or the client is gone: nothing can be sent any more. */
  isOver: boolean
}

export function openCall(
  server: CallServer,
  served: Served,
  base: ServerInterceptingCallInterface,
  metadata: Metadata,
): OpenCall {
  const context = makeCallContext(server.deps, metadata, () => base.getPeer())
  return { server, served, base, context, startedMs: performance.now(), isOver: false }
}

/** Ends it, unless it is over. */
export function finish(call: OpenCall, outcome: StatusObject | 'ok'): void {
  if (call.isOver) return
  call.isOver = true
  const code = outcome === 'ok' ? status.OK : outcome.code
  call.base.sendStatus(outcome === 'ok' ? { code, details: '' } : outcome)
  measure(call, code)
}

/** Ends it with what the client is told of an error, unless it is over. */
export function fail(call: OpenCall, error: unknown): void {
  if (call.isOver) return
  const { served, context } = call
  const outcome = call.server.statuses.toStatus(error, context.requestId())
  if (outcome.code === status.INTERNAL)
    context.log().error('call failed by a fault of ours', { method: served.name, error })
  else if (outcome.code === status.UNAVAILABLE)
    context.log().warn('call could not be served', { method: served.name, error })
  finish(call, outcome)
}

/** The client went away, or its deadline passed, of which grpc-js has told it. @returns false when it was over before */
export function leave(call: OpenCall): boolean {
  call.context.leave()
  if (call.isOver) return false
  call.isOver = true
  measure(call, Number(call.base.getDeadline()) <= Date.now() ? status.DEADLINE_EXCEEDED : status.CANCELLED)
  return true
}

/** @throws INVALID_REQUEST */
export function decode(served: Served, bytes: Buffer): object {
  try {
    return served.decode(bytes)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new QueueError('INVALID_REQUEST', `The message can not be read: ${reason}.`, {
      fields: [{ path: '', message: 'must be a message of the type that the method takes' }],
      cause: error,
    })
  }
}

function measure({ server, served, startedMs }: OpenCall, code: status): void {
  const durationMs = performance.now() - startedMs
  server.deps.queue.metrics.grpcCalls.observe({ method: served.name, code: status[code] }, durationMs / 1000)
}
