import { type ServerEvent, makeEventParser } from './event-stream.ts'
import { connectionError, type NoodleError } from './noodle-error.ts'
import { startPatience } from './retry.ts'
import type { Query, Transport } from './transport.ts'

/** The gateway says something every 15 s; a connection that carries nothing for so long is dead. */
const silentMs = 45_000

export interface FollowOptions {
  query?: Query
  /** Where to begin: after this. */
  lastId?: string | undefined
  signal?: AbortSignal | undefined
  /** Hears true with each sign of life, such as a heartbeat, and false when the stream broke. */
  onLife?: (isAlive: boolean) => void
}

/**
 * The events of a stream, for as long as somebody reads: a stream that breaks or ends is opened again after the last event that came whole. Whoever reads
 * knows the last event, and stops.
 * @throws NoodleError when it is refused, or can't be opened again for as long as the retry policy says
 */
export async function* followEvents(
  transport: Transport,
  path: string,
  options: FollowOptions = {},
): AsyncGenerator<ServerEvent, void, undefined> {
  const { query = {}, signal, onLife = () => undefined } = options
  let lastId = options.lastId ?? ''
  let askedMs: number | undefined
  const patience = startPatience(transport.retry, signal)
  for (;;) {
    const { response, deadline } = await transport.open({
      method: 'GET',
      path,
      query,
      headers: { Accept: 'text/event-stream', ...(lastId !== '' && { 'Last-Event-ID': lastId }) },
      timeoutMs: silentMs,
      signal,
    })
    const parser = makeEventParser(lastId)
    const reader = response.body?.getReader()
    let broken: NoodleError
    try {
      if (!reader || !response.headers.get('Content-Type')?.startsWith('text/event-stream'))
        throw connectionError('not-noodle', 'What was answered is no stream of events.')
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        deadline.renew()
        onLife(true)
        for (const event of parser.push(piece.value)) {
          lastId = event.id
          patience.renew()
          yield event
        }
      }
      broken = connectionError('network', 'The gateway ended the stream of events.')
    } catch (error) {
      broken = transport.explain(error, deadline, signal)
    } finally {
      deadline.clear()
      await reader?.cancel().catch(() => undefined) // whoever stops reading leaves the connection open
    }
    onLife(false)
    lastId = parser.lastId()
    askedMs = parser.retryMs() ?? askedMs
    await patience.pause(broken, askedMs)
  }
}
