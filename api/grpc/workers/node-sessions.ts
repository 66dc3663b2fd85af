import { status } from '@grpc/grpc-js'
import { QueueError } from '../../../queue/domain/errors.ts'
import { GrpcRefusal } from '../to-status.ts'
import type { NodeSession } from './node-session.ts'

/** The nodes that are connected here. */
export interface NodeSessions {
  /** A newer stream of a boot ends the older one, which may be dead without anybody having noticed. @returns what takes it out. @throws OVERLOADED while this gateway stops */
  enter(bootId: string, session: NodeSession): () => void
  /** Takes no more nodes, and sends those that are here to another gateway. Resolves when all are gone. */
  sendAway(): Promise<void>
}

export function makeNodeSessions(): NodeSessions {
  const sessions = new Map<string, NodeSession>()
  const waiters: (() => void)[] = []
  let isLeaving = false

  return {
    enter(bootId, session) {
      if (isLeaving)
        throw new QueueError('OVERLOADED', 'This gateway is stopping; another one takes the node.', {
          retryAfterSeconds: 1,
        })
      sessions
        .get(bootId)
        ?.end(new GrpcRefusal(status.ABORTED, 'A newer stream of the same boot took the place of this one.'))
      sessions.set(bootId, session)
      return () => {
        if (sessions.get(bootId) === session) sessions.delete(bootId)
        if (sessions.size === 0) for (const wake of waiters.splice(0)) wake()
      }
    },
    async sendAway() {
      isLeaving = true
      await Promise.all([...sessions.values()].map((session) => session.sendAway()))
      if (sessions.size > 0) await new Promise<void>((resolve) => waiters.push(resolve))
    },
  }
}
