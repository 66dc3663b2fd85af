import { performance } from 'node:perf_hooks'
import { type Metadata, type ServerInterceptingCallInterface, status, type StatusObject } from '@grpc/grpc-js'
import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { minuteMs, requestsOf, tooManyRequests } from '../limits/requests.ts'
import { type CallContext, makeCallContext } from './call-context.ts'
import type { Access, Method } from './method.ts'
import type { OpenStreams } from './open-streams.ts'
import { GrpcRefusal, type StatusMaker } from './to-status.ts'

/** A method with what the protocol says of it. */
export interface Served {
  /** Such as `noodle.v1.JobService/Submit`. */
  name: string
  method: Method
  decode(bytes: Buffer): object
  encode(response: object): Buffer
}

export interface CallServer {
  deps: GatewayDeps
  statuses: StatusMaker
  streams: OpenStreams
}

/**
 * Takes a call from its first header to its status: who calls, how often, whether they may, and only then its messages. No other layer stands between the
 * connection and a method, for each would cost a submission as much as this one.
 */
export function serveCall(server: CallServer, served: Served, base: ServerInterceptingCallInterface): void {
  const { deps, statuses } = server
  const { method } = served
  const startedMs = performance.now()
  const inbox = makeInbox(() => base.startRead())
  let context: CallContext | undefined
  let isOver = false
  const hasEnded = (): boolean => isOver

  /** What a stream ends with that is ended from our side. */
  let breakOff: (error: Error) => void = () => undefined

  function finish(outcome: StatusObject | 'ok'): void {
    if (isOver) return
    isOver = true
    const code = outcome === 'ok' ? status.OK : outcome.code
    base.sendStatus(outcome === 'ok' ? { code, details: '' } : outcome)
    measure(code)
  }

  function fail(error: unknown): void {
    if (isOver || !context) return
    const outcome = statuses.toStatus(error, context.requestId)
    if (outcome.code === status.INTERNAL)
      context.log.error('call failed by a fault of ours', { method: served.name, error })
    else if (outcome.code === status.UNAVAILABLE)
      context.log.warn('call could not be served', { method: served.name, error })
    finish(outcome)
  }

  /** The client went away, or its deadline passed, of which grpc-js has told it. */
  function leave(): void {
    context?.leave()
    if (isOver) return
    isOver = true
    breakOff(new Error('The client is gone.'))
    inbox.close()
    measure(Number(base.getDeadline()) <= Date.now() ? status.DEADLINE_EXCEEDED : status.CANCELLED)
  }

  function measure(code: status): void {
    const durationMs = performance.now() - startedMs
    deps.queue.metrics.grpcCalls.observe({ method: served.name, code: status[code] }, durationMs / 1000)
  }

  /** Of streams only: for a call that has one message it would cost more than it tells. */
  function counted(direction: 'in' | 'out', bytes: Buffer): Buffer {
    deps.queue.metrics.grpcStreamBytes.inc({ method: served.name, direction }, bytes.length)
    return bytes
  }

  async function run(call: CallContext): Promise<void> {
    await admit(deps, method, call)
    if (hasEnded()) return
    if (method.kind === 'unary') {
      method.admit?.()
      const request = decode(served, await inbox.only())
      const response = await method.handle(call, request as never)
      if (hasEnded()) return
      base.sendMessage(served.encode(response as object), ignore)
      finish('ok')
      return
    }
    const ended = new Promise<never>((_, reject) => (breakOff = reject))
    ended.catch(ignore)
    const exit = server.streams.enter(method.isUnlimited ? undefined : requestsOf(call.actor, call.address), {
      recheck: () => authenticate(deps, method, call),
      end(error) {
        breakOff(error)
        call.leave()
      },
    })
    try {
      await Promise.race([runStream(call), ended])
      finish('ok')
    } finally {
      exit()
      inbox.close()
    }
  }

  async function runStream(call: CallContext): Promise<void> {
    const send = (response: object): Promise<void> =>
      new Promise((resolve, reject) => {
        if (isOver || call.isGone) reject(new Error('The client is gone.'))
        else base.sendMessage(counted('out', served.encode(response)), resolve)
      })
    if (method.kind === 'server-stream')
      await method.handle(call, decode(served, await inbox.only()) as never, send)
    else if (method.kind === 'client-stream')
      await send((await method.handle(call, readAll(served, inbox) as never)) as object)
    else if (method.kind === 'bidi') await method.handle(call, readAll(served, inbox) as never, send)
  }

  base.start({
    onReceiveMetadata(metadata: Metadata) {
      context = makeCallContext(deps, metadata, () => base.getPeer())
      run(context).catch(fail)
    },
    onReceiveMessage: (bytes: Buffer) => inbox.put(method.kind === 'unary' ? bytes : counted('in', bytes)),
    onReceiveHalfClose: () => inbox.put(undefined),
    onCancel: leave,
  })
}

const ignore = (): void => undefined

/** @throws BAD_TOKEN, NOT_PERMITTED, TOO_MANY */
async function admit(deps: GatewayDeps, method: Method, call: CallContext): Promise<void> {
  let refusal: unknown
  try {
    call.actor = await deps.auth.authenticate(call.metadata('authorization'))
  } catch (error) {
    refusal = error
  }
  // Counted before a bad token is told of, so that nobody tries tokens without end.
  if (!method.isUnlimited) countCall(deps, call)
  if (method.access !== 'anyone' && refusal !== undefined) throw refusal as Error
  permit(deps, method.access, call)
}

/** Together with the requests over HTTP. */
function countCall(deps: GatewayDeps, call: CallContext): void {
  const limit = deps.config.RATE_LIMIT_REQUESTS_PER_MINUTE
  if (limit === 0) return
  const { total, resetMs } = deps.queue.rateCounts.add(
    requestsOf(call.actor, call.actor ? '' : call.address),
    1,
    minuteMs,
  )
  if (total > limit) throw tooManyRequests(limit, resetMs)
}

function permit(deps: GatewayDeps, access: Access, { actor }: CallContext): void {
  if (access === 'anyone') return
  if (!actor)
    throw new QueueError(
      'BAD_TOKEN',
      'An access token is needed: send the metadata `authorization: Bearer …`; POST /v1/auth/token gives one.',
    )
  if (access !== 'authenticated') deps.auth.require(actor, access)
}

/** Once more, for a stream that is open. */
async function authenticate(deps: GatewayDeps, method: Method, call: CallContext): Promise<void> {
  if (method.access === 'anyone') return
  call.actor = await deps.auth.authenticate(call.metadata('authorization'))
  permit(deps, method.access, call)
}

function decode(served: Served, bytes: Buffer): object {
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

async function* readAll(served: Served, inbox: Inbox): AsyncGenerator<object> {
  for (;;) {
    const bytes = await inbox.next()
    if (!bytes) return
    yield decode(served, bytes)
  }
}

/** The messages of a client; each is read only when it is asked for, so that the connection's flow control holds the others back. */
interface Inbox {
  /** Undefined at the end. */
  next(): Promise<Buffer | undefined>
  /** The one message of a call that has one. @throws GrpcRefusal for none, or several */
  only(): Promise<Buffer>
  put(bytes: Buffer | undefined): void
  /** Ends the waiting of whoever reads. */
  close(): void
}

function makeInbox(startRead: () => void): Inbox {
  let resolveNext: ((bytes: Buffer | undefined) => void) | undefined
  const next = (): Promise<Buffer | undefined> =>
    new Promise((resolve) => {
      resolveNext = resolve
      startRead()
    })
  const put = (bytes: Buffer | undefined): void => {
    const resolve = resolveNext
    resolveNext = undefined
    resolve?.(bytes)
  }
  return {
    next,
    put,
    async only() {
      const bytes = await next()
      if (!bytes) throw new GrpcRefusal(status.INVALID_ARGUMENT, 'The call came without its message.')
      if (await next()) throw new GrpcRefusal(status.INVALID_ARGUMENT, 'The call takes one message.')
      return bytes
    },
    close: () => put(undefined),
  }
}
