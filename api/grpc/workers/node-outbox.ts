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

/** Of payloads in one message: many clients take no more than 4 MiB. */
const messageBytes = 1_000_000

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
      const { jobs = [], ...rest } = waiting
      const count = countFitting(jobs)
      const isAll = count === jobs.length
      // What is not a job comes with the last of those before it: an answer to a renewal must not overtake one.
      const message = isAll ? waiting : { jobs: jobs.slice(0, count) }
      waiting = isAll ? {} : { jobs: jobs.slice(count), ...rest }
      await send(message)
    }
    isSending = false
  }

  function countFitting(jobs: readonly Assignment[]): number {
    let bytes = 0
    const past = jobs.findIndex(({ payloadJson }) => {
      bytes += payloadJson?.length ?? 0
      return bytes > messageBytes
    })
    return past < 0 ? jobs.length : Math.max(1, past)
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
