import { every } from '../../core/every.ts'
import type { Logger } from '../../core/logger.ts'
import type { Resources } from '../domain/job.ts'
import { defaultOvertakes, type Grant, type Slots } from './slots.ts'

const firstWaitMs = 1000
const longestWaitMs = 300_000
const lookEveryMs = 5000

/**
 * Waits for a grant for a job that asks for resources, which may find none for long while small jobs come and go. Each time that its delivery comes
 * again it waits here twice as long, so that at first another node that has them gets it soon; and half as many may overtake it, so that in the end
 * this node keeps for it what becomes free. Null also when the job is not queued any more.
 */
export async function waitForResources(
  slots: Slots,
  need: Resources,
  options: {
    /** How often the delivery came, from 1. */
    timesTaken: number
    isStillQueued: () => Promise<boolean>
    signal: AbortSignal
    log: Logger
  },
): Promise<Grant | null> {
  const doublings = Math.min(options.timesTaken - 1, 20)
  const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** doublings)
  const mostOvertakes = Math.floor(defaultOvertakes / 2 ** doublings)
  if (waitMs <= lookEveryMs) return slots.take({ need, waitMs, mostOvertakes, signal: options.signal })
  const gone = new AbortController()
  const look = every(
    lookEveryMs,
    async () => {
      if (!(await options.isStillQueued())) gone.abort()
      return undefined
    },
    { name: 'look at a job that waits for resources', log: options.log },
  )
  await look.start()
  try {
    return await slots.take({
      need,
      waitMs,
      mostOvertakes,
      signal: AbortSignal.any([options.signal, gone.signal]),
    })
  } finally {
    await look.stop()
  }
}
