import { type Metadata, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js'
import { admit } from './admit.ts'
import type { UnaryMethod } from './method.ts'
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

/** Serves a call that has one message and one answer. The message is read once the call was admitted. */
export function serveUnary(
  server: CallServer,
  served: Served<UnaryMethod>,
  base: ServerInterceptingCallInterface,
): void {
  let call: OpenCall | undefined
  let message: Buffer | undefined

  base.start({
    onReceiveMetadata(metadata: Metadata) {
      const own = (call = openCall(server, served, base, metadata))
      read(own, served.method).catch((error: unknown) => fail(own, error))
    },
    onReceiveMessage(bytes: Buffer) {
      if (message) {
        if (call) fail(call, new GrpcRefusal(status.INVALID_ARGUMENT, 'The call takes one message.'))
        return
      }
      message = bytes
      base.startRead()
    },
    onReceiveHalfClose() {
      const own = call
      if (!own || own.isOver) return
      if (message) answer(own, served, message).catch((error: unknown) => fail(own, error))
      else fail(own, new GrpcRefusal(status.INVALID_ARGUMENT, 'The call came without its message.'))
    },
    onCancel() {
      if (call) leave(call)
    },
  })
}

async function read(call: OpenCall, method: UnaryMethod): Promise<void> {
  await admit(call.server.deps, method, call.context)
  if (call.isOver) return
  method.admit?.()
  call.base.startRead()
}

async function answer(call: OpenCall, served: Served<UnaryMethod>, message: Buffer): Promise<void> {
  const response = await served.method.handle(call.context, decode(served, message) as never)
  if (call.isOver) return
  call.base.sendMessage(served.encode(response), ignore)
  finish(call, 'ok')
}

const ignore = (): void => undefined
