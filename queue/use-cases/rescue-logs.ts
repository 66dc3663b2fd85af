import { chunksAfter, endOf, type LogChunk, logStart } from '../domain/log-line.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Keeps in Postgres what workers that died left of their logs in Redis. Logs of jobs that run are their workers' business. */
export async function rescueLogs(
  deps: Pick<QueueDeps, 'jobs' | 'keptLogs' | 'liveLogs' | 'log'>,
): Promise<void> {
  let cursor = '0'
  do {
    const page = await deps.liveLogs.listOpen(cursor)
    cursor = page.cursor
    const running = new Set(await deps.jobs.findRunning(page.jobIds))
    for (const jobId of page.jobIds) if (!running.has(jobId)) await rescue(deps, jobId)
  } while (cursor !== '0')
}

async function rescue(deps: Pick<QueueDeps, 'keptLogs' | 'liveLogs' | 'log'>, jobId: string): Promise<void> {
  let after = logStart
  for (;;) {
    const live = await deps.liveLogs.read(jobId, after)
    const missing = await withoutKept(deps, jobId, live)
    const found = missing.map((chunk) => ({ jobId, chunk, textBytes: textBytesOf(chunk) }))
    if (found.length > 0) {
      await deps.keptLogs.insert(found)
      deps.log.info('the end of a log was kept that its worker had left behind', { jobId })
    }
    await deps.liveLogs.forget([{ jobId, ends: live.map(endOf) }])
    const last = live.at(-1)
    if (!last) return
    after = endOf(last)
  }
}

async function withoutKept(
  deps: Pick<QueueDeps, 'keptLogs'>,
  jobId: string,
  live: readonly LogChunk[],
): Promise<LogChunk[]> {
  const missing: LogChunk[] = []
  for (const attempt of new Set(live.map((chunk) => chunk.attempt))) {
    const [last] = await deps.keptLogs.findLast(jobId, 1, attempt)
    const ofAttempt = live.filter((chunk) => chunk.attempt === attempt)
    missing.push(...chunksAfter({ attempt, seq: last?.lastSeq ?? 0 }, ofAttempt))
  }
  return missing
}

const textBytesOf = (chunk: LogChunk): number =>
  chunk.lines.reduce((sum, [, , text]) => sum + Buffer.byteLength(text), 0)
