import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'

/** What came of a load. */
export interface LoadReport {
  /** Ids that were acknowledged, by their keys. */
  acknowledged: Map<string, string>
  /** First tries that were not answered with 200 or 202: what came instead, and when they were sent, by performance.now(). */
  failures: { what: string; sentAtMs: number }[]
  /** Keys of which no try was acknowledged. */
  unacknowledged: string[]
  /** The longest that an acknowledgement took, with all tries, in ms. */
  longestMs: number
}

const requirements = ['light', 'light', 'light', 'light', 'light', 'light', 'medium', 'heavy'] as const

/** How long a job that was not acknowledged is tried again, with the same key. */
const insistMs = 90_000

/**
 * Submits jobs at a steady rate, whatever becomes of those before, until it is stopped. Each has a key, by which a try that was not acknowledged is made
 * again, as the documentation asks of clients.
 */
function startLoad(client: Client, { run, perSecond }: { run: string; perSecond: number }) {
  const report: LoadReport = {
    acknowledged: new Map(),
    failures: [],
    unacknowledged: [],
    longestMs: 0,
  }
  const open = new Set<Promise<void>>()
  const stopping = new AbortController()

  async function submit(i: number): Promise<void> {
    const key = `${run}-${String(i)}`
    const isShort = i % 10 !== 0
    const body = {
      task: isShort ? 'echo' : 'sleep',
      payload: isShort ? { i } : { ms: 200 },
      requirement: requirements[i % requirements.length],
      labels: { run },
    }
    const startedAt = performance.now()
    for (let tries = 0; ; tries++) {
      const answer = await client
        .call('POST', '/v1/jobs', { body, headers: { 'Idempotency-Key': key }, timeoutMs: 20_000 })
        .catch((error: unknown) => ({
          status: 0,
          body: error instanceof Error ? error.message : String(error),
        }))
      if (answer.status === 200 || answer.status === 202) {
        const before = report.acknowledged.get(key)
        if (before !== undefined && before !== answer.body.id)
          throw new Error(`Two jobs have the key ${key}.`)
        report.acknowledged.set(key, answer.body.id)
        report.longestMs = Math.max(report.longestMs, performance.now() - startedAt)
        return
      }
      if (tries === 0) {
        const what = `${String(answer.status)} ${typeof answer.body === 'string' ? answer.body : answer.body.detail}`
        report.failures.push({ what, sentAtMs: startedAt })
      }
      if (performance.now() - startedAt > insistMs) {
        report.unacknowledged.push(key)
        return
      }
      await sleep(Math.min(2000, 100 * 2 ** tries))
    }
  }

  const pacing = (async () => {
    const startedAt = performance.now()
    for (let i = 0; !stopping.signal.aborted; i++) {
      const dueMs = (i * 1000) / perSecond - (performance.now() - startedAt)
      if (dueMs > 1) await sleep(dueMs)
      const submission: Promise<void> = submit(i).finally(() => open.delete(submission))
      open.add(submission)
    }
  })()

  return {
    /** So far. */
    report,
    async stop(): Promise<LoadReport> {
      stopping.abort()
      await pacing
      await Promise.all(open)
      return report
    },
  }
}

export type Load = ReturnType<typeof startLoad>

/** Acts while jobs are submitted at a steady rate, which ends with it, however it ends. */
export async function underLoad<T>(
  client: Client,
  options: { run: string; perSecond: number },
  act: (load: Load, run: string) => Promise<T>,
): Promise<T> {
  const load = startLoad(client, options)
  try {
    return await act(load, options.run)
  } finally {
    await load.stop()
  }
}

/** How often what came. */
export function describeFailures({ failures }: LoadReport): string {
  const counts = Map.groupBy(failures, ({ what }) => what)
  return [...counts].map(([what, { length }]) => `${String(length)} × ${what}`).join(', ') || 'none'
}
