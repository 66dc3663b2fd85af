import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import type { Method, UnaryMethod } from './method.ts'
import type { CallServer, Served } from './open-call.ts'
import { serveStream } from './serve-stream.ts'
import { serveUnary } from './serve-unary.ts'

/**
 * Takes a call from its first header to its status: who calls, how often, whether they may, and only then its messages. No other layer stands between the
 * connection and a method, for each would cost a submission as much as this one.
 */
export function serveCall(server: CallServer, served: Served, base: ServerInterceptingCallInterface): void {
  if (isUnary(served)) serveUnary(server, served, base)
  else serveStream(server, served as Served<Exclude<Method, UnaryMethod>>, base)
}

const isUnary = (served: Served): served is Served<UnaryMethod> => served.method.kind === 'unary'
