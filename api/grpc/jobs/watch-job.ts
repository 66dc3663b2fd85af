import type { WatchRequest__Output } from '../../../proto/generated/noodle/v1/WatchRequest.ts'
import type { WatchResponse } from '../../../proto/generated/noodle/v1/WatchResponse.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import { isTerminal } from '../../../queue/domain/job-state.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { followEvents, type Happening } from '../../follow-events.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { toStateName, toTimestamp } from '../messages.ts'
import { actorOf, serverStream } from '../method.ts'
import { stopping } from '../to-status.ts'
import { readId } from './read-id.ts'

export const watchJobMethod = (deps: GatewayDeps) =>
  serverStream<WatchRequest__Output, WatchResponse>({
    access: 'read',
    async handle(call, request, send) {
      const { id } = await findJob(deps.queue, actorOf(call), readId(request))
      let hasEnded = false
      for await (const one of followEvents(deps, id, readSeq(request), call.gone())) {
        const message = toMessage(one)
        if (message && !call.gone().aborted) await send(message)
        hasEnded = one.kind === 'event' && isTerminal(one.event.state)
      }
      // An end that looks like the job's would be believed.
      if (!hasEnded && deps.isStopping()) throw stopping()
    },
  })

function readSeq({ afterSeq }: WatchRequest__Output): number {
  const seq = Number(afterSeq)
  if (Number.isSafeInteger(seq) && seq >= 0) return seq
  throw new QueueError('INVALID_REQUEST', 'afterSeq must be a seq that an event had, or 0.', {
    fields: [{ path: 'afterSeq', message: 'must be a seq that an event had, or 0' }],
  })
}

function toMessage(one: Happening): WatchResponse | undefined {
  switch (one.kind) {
    case 'event':
      return {
        event: { ...one.event, at: toTimestamp(one.event.at), state: toStateName(one.event.state) },
      }
    case 'progress': {
      const { attempt, progress, note } = one.progress
      return { progress: { attempt, progress, ...(note !== null && { note }) } }
    }
    case 'nothing':
      return undefined // connections are kept alive by pings
  }
}
