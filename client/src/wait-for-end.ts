import type { Job, JobState } from './contract.ts'
import { orAborted, sleep } from './deadline.ts'
import { followEvents } from './follow.ts'
import { retryDelayMs } from './retry.ts'
import type { Transport } from './transport.ts'

const endStates: readonly JobState[] = ['succeeded', 'failed', 'cancelled', 'expired']

/** Whether nothing will change any more: succeeded, failed, cancelled or expired. */
export const hasEnded = ({ state }: { state: JobState }): boolean => endStates.includes(state)

/** Between two looks at a job whose events come; they tell sooner. */
const sparePauseMs = 30_000
/** Without events: at first, and at most. */
const shortestPauseMs = 250
const longestPauseMs = 5000

/** Streams that are open at once for those who wait: a browser has six connections to a server, and others need some. */
const mostStreams = 3

/**
 * Waits for ends of jobs. What counts is the job as it is read; a stream of its events tells when to read it. Where none can be had (too many are open, or
 * something between holds back what it carries) the job is read again and again, with pauses that grow.
 */
export function makeWaiting(
  transport: Transport,
  read: (id: string, signal: AbortSignal | undefined) => Promise<Job>,
) {
  let streams = 0

  /** @throws the signal's reason when it aborts, NoodleError when the job can't be read */
  return async function waitForEnd(id: string, signal: AbortSignal | undefined): Promise<Job> {
    let job = await read(id, signal)
    if (hasEnded(job)) return job
    const hints = streams < mostStreams ? listen(id) : undefined
    try {
      for (let looks = 1; ; looks++) {
        const growing = { baseMs: shortestPauseMs, capMs: longestPauseMs, forMs: 0, random: Math.random }
        const pauseMs = hints?.isAlive() ? sparePauseMs : shortestPauseMs / 2 + retryDelayMs(looks, growing)
        await pause(pauseMs, hints, signal)
        job = await read(id, signal)
        if (hasEnded(job)) return job
      }
    } finally {
      hints?.stop()
    }
  }

  /** Follows the events of a job: alive once something came, `changed` when to look. It never fails, it only falls silent. */
  function listen(id: string): Hints {
    streams++
    const controller = new AbortController()
    let isAlive = false
    let wake: () => void = () => undefined
    const run = async (): Promise<void> => {
      const events = followEvents(transport, `/v1/jobs/${encodeURIComponent(id)}/events`, {
        signal: controller.signal,
        onLife(isLife) {
          isAlive = isLife
        },
      })
      for await (const event of events)
        if (event.name === 'state' && hasEnded(JSON.parse(event.data) as { state: JobState })) return
    }
    void run()
      .catch(() => undefined) // reading goes on without hints
      .finally(() => {
        streams--
        isAlive = false
        wake()
      })
    return {
      isAlive: () => isAlive,
      changed: () => new Promise<void>((resolve) => (wake = resolve)),
      stop: () => controller.abort(),
    }
  }
}

interface Hints {
  isAlive(): boolean
  changed(): Promise<void>
  stop(): void
}

async function pause(ms: number, hints: Hints | undefined, signal: AbortSignal | undefined): Promise<void> {
  const enough = new AbortController()
  try {
    const slept = sleep(ms, enough.signal).catch(() => undefined)
    await orAborted(Promise.race([slept, ...(hints ? [hints.changed()] : [])]), signal)
  } finally {
    enough.abort()
  }
}
