import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayDeps } from '../gateway-deps.ts'

export interface OpenStream {
  /** Rejects when who opened it may not any more. */
  recheck(): Promise<void>
  /** Ends it with what its client is told. */
  end(error: Error): void
}

/** The streams that are open on this gateway, per user. */
export interface OpenStreams extends Component {
  /** @param owner whose streams are counted together; undefined for one that is not limited. @returns what ends the counting. @throws TOO_MANY */
  enter(owner: string | undefined, stream: OpenStream): () => void
  endAll(error: Error): void
}

/** @param recheckMs how soon a stream ends whose token expired, or whose user was disabled, while it was open */
export function makeOpenStreams(deps: GatewayDeps, recheckMs: number): OpenStreams {
  const most = deps.config.GRPC_STREAMS_PER_USER
  const streams = new Set<OpenStream>()
  const counts = new Map<string, number>()
  const loop = every(
    recheckMs,
    async () => {
      await Promise.all(
        [...streams].map((one) => one.recheck().catch((error: unknown) => one.end(error as Error))),
      )
    },
    { name: 'grpc streams', log: deps.queue.log },
  )
  return {
    name: loop.name,
    start: () => loop.start(),
    stop: () => loop.stop(),
    enter(owner, stream) {
      const count = owner === undefined ? 0 : (counts.get(owner) ?? 0)
      if (count >= most)
        throw new QueueError(
          'TOO_MANY',
          `More than ${String(most)} streams are open (GRPC_STREAMS_PER_USER); end one first.`,
          { retryAfterSeconds: 1 },
        )
      if (owner !== undefined) counts.set(owner, count + 1)
      streams.add(stream)
      return () => {
        if (!streams.delete(stream) || owner === undefined) return
        const left = (counts.get(owner) ?? 1) - 1
        if (left > 0) counts.set(owner, left)
        else counts.delete(owner)
      }
    },
    endAll(error) {
      for (const stream of [...streams]) stream.end(error)
    },
  }
}
