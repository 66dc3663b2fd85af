import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'

/**
 * Bytes that a client may send ahead of what is read, on a stream and on a connection. HTTP/2 begins with 64 KiB (RFC 9113, 6.9.2), of which a message of
 * a thousand jobs has several: each would then be sent in pieces that wait for one another, and all streams of a connection with them.
 */
const windowBytes = 1_048_576

/** Node tells here of each stream of each server of this process; grpc-js hands out none of its connections, and has no option for it on servers. */
const channel = 'http2.server.stream.created'

/** By whichever server of this process was first. */
const widened = new WeakSet<ServerHttp2Session>()

/** Widens the connections of this process' gRPC servers with their first call. @returns what ends it */
export function widenConnections(): () => void {
  const widen = (message: unknown): void => {
    const { session } = (message as { stream: ServerHttp2Stream }).stream
    if (!session || session.destroyed || widened.has(session as ServerHttp2Session)) return
    widened.add(session as ServerHttp2Session)
    session.settings({ initialWindowSize: windowBytes })
    session.setLocalWindowSize(windowBytes)
  }
  subscribe(channel, widen)
  return () => unsubscribe(channel, widen)
}
