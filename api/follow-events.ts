import type { JobEvent } from '../queue/domain/job.ts'
import { isTerminal } from '../queue/domain/job-state.ts'
import type { GatewayDeps } from './gateway-deps.ts'

export interface JobProgress {
  attempt: number
  /** 0 to 100. */
  progress: number
  note: string | null
}

/** What a follower of a job gets to know. */
export type Happening =
  { kind: 'event'; event: JobEvent } | { kind: 'progress'; progress: JobProgress } | { kind: 'nothing' }

/** Proxies close a connection that is silent for a minute or so. */
const heartbeatMs = 15_000

/**
 * The events of a job after `afterSeq`, and its progress where the task tells, as they come until it has ended or the reader is gone, or sent away.
 * `nothing` comes when a while passed with no news.
 */
export async function* followEvents(
  deps: GatewayDeps,
  id: string,
  afterSeq: number,
  gone: AbortSignal,
): AsyncGenerator<Happening> {
  let wake: () => void = () => undefined
  const wakeUp = (): void => wake()
  let seq = afterSeq
  let toldProgress = ''
  const forget = deps.watch.onChange(id, wakeUp)
  gone.addEventListener('abort', wakeUp)
  try {
    while (!gone.aborted) {
      const changed = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, heartbeatMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      const events = await deps.queue.jobs.listEvents(id, seq)
      for (const event of events) yield { kind: 'event', event }
      const progress = await deps.queue.jobs.findProgress(id)
      if (progress && JSON.stringify(progress) !== toldProgress) {
        toldProgress = JSON.stringify(progress)
        yield { kind: 'progress', progress }
      }
      const last = events.at(-1)
      seq = last?.seq ?? seq
      if (last !== undefined ? isTerminal(last.state) : seq > 0 && (await isOver(deps, id))) return
      if (events.length === 0) yield { kind: 'nothing' }
      await changed
    }
  } finally {
    wake()
    forget()
    gone.removeEventListener('abort', wakeUp)
  }
}

/** For a follower that comes after the last event. */
async function isOver(deps: GatewayDeps, id: string): Promise<boolean> {
  return (await deps.queue.jobs.findEnded([id])).length > 0
}
