import { type Metadata, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js'
import { requestsOf } from '../limits/requests.ts'
import { admit, reauthenticate } from './admit.ts'
import type { Method, UnaryMethod } from './method.ts'
import {
  type CallServer,
  decode,
  fail,
  finish,
  leave,
  type OpenCall,
  openCall,
  type Served,
} from './open-call.ts'
import { GrpcRefusal } from './to-status.ts'

type StreamMethod = Exclude<Method, UnaryMethod>

/** Serves a call that has several messages, or several answers. Each message is read only when the method asks for it. */
export function serveStream(
  server: CallServer,
  served: Served<StreamMethod>,
  base: ServerInterceptingCallInterface,
): void {
  const { deps } = server
  const { method } = served
  const inbox = makeInbox(() => base.startRead())
  let call: OpenCall | undefined

  /** What it ends with when it is ended from our side. */
  let breakOff: (error: Error) => void = () => undefined

  /** For a call that has one message it would cost more than it tells. */
  function counted(direction: 'in' | 'out', bytes: Buffer): Buffer {
    deps.queue.metrics.grpcStreamBytes.inc({ method: served.name, direction }, bytes.length)
    return bytes
  }

  async function run(own: OpenCall): Promise<void> {
    const { context } = own
    await admit(deps, method, context)
    if (own.isOver) return
    const ended = new Promise<never>((_, reject) => (breakOff = reject))
    ended.catch(() => undefined)
    const owner = method.isUnlimited ? undefined : requestsOf(context.actor, context.address())
    const exit = server.streams.enter(owner, {
      recheck: () => reauthenticate(deps, method, context),
      end(error) {
        breakOff(error)
        context.leave()
      },
    })
    try {
      await Promise.race([handle(own), ended])
      finish(own, 'ok')
    } finally {
      exit()
      inbox.close()
    }
  }

  async function handle(own: OpenCall): Promise<void> {
    const { context } = own
    const send = (response: object): Promise<void> =>
      new Promise((resolve, reject) => {
        if (own.isOver || context.isGone) reject(new Error('The client is gone.'))
        else base.sendMessage(counted('out', served.encode(response)), resolve)
      })
    if (method.kind === 'server-stream')
      await method.handle(context, decode(served, await inbox.only()) as never, send)
    else if (method.kind === 'client-stream')
      await send(await method.handle(context, readAll(served, inbox) as never))
    else await method.handle(context, readAll(served, inbox) as never, send)
  }

  base.start({
    onReceiveMetadata(metadata: Metadata) {
      const own = (call = openCall(server, served, base, metadata))
      run(own).catch((error: unknown) => fail(own, error))
    },
    onReceiveMessage: (bytes: Buffer) => inbox.put(counted('in', bytes)),
    onReceiveHalfClose: () => inbox.put(undefined),
    onCancel() {
      if (!call || !leave(call)) return
      breakOff(new Error('The client is gone.'))
      inbox.close()
    },
  })
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
