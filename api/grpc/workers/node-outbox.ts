import type { Assignment } from '../../../proto/generated/noodle/v1/Assignment.ts'
import type { LeaseRenewed } from '../../../proto/generated/noodle/v1/LeaseRenewed.ts'
import type { RunEnded } from '../../../proto/generated/noodle/v1/RunEnded.ts'
import type { WorkResponse } from '../../../proto/generated/noodle/v1/WorkResponse.ts'
import type { Send } from '../method.ts'

/** What waits to be sent to a node. What comes in one turn of the event loop, or while a message waits for room, goes together in the next. */
export interface NodeOutbox {
  job(job: Assignment): void
  ended(ended: RunEnded): void
  renewed(renewed: LeaseRenewed): void
  tell(word: 'welcome' | 'renewNow' | 'drained' | 'goAway'): void
  /** Rejects when something could not be sent: the node is gone. */
  broken: Promise<never>
}

export function makeNodeOutbox(send: Send<WorkResponse>): NodeOutbox {
  let waiting: WorkResponse = {}
  let isSending = false
  let fail: (error: unknown) => void = () => undefined
  const broken = new Promise<never>((_, reject) => (fail = reject))
  broken.catch(() => undefined)

  function sendSoon(): void {
    if (isSending) return
    isSending = true
    setImmediate(() => void sendAll().catch(fail))
  }

  async function sendAll(): Promise<void> {
    while (Object.keys(waiting).length > 0) {
      const message = waiting
      waiting = {}
      await send(message)
    }
    isSending = false
  }

  return {
    broken,
    job(job) {
      ;(waiting.jobs ??= []).push(job)
      sendSoon()
    },
    ended(ended) {
      ;(waiting.ended ??= []).push(ended)
      sendSoon()
    },
    renewed(renewed) {
      waiting.renewed = renewed // the newest tells all
      sendSoon()
    },
    tell(word) {
      waiting[word] = true
      sendSoon()
    },
  }
}
