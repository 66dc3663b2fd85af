import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { connected } from '../support/template-database.ts'
import { readMemory } from '../../workers/executors/proc.ts'
import { aScript } from './a-run.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

const limitBytes = 100_000

/** What a process has read so far, from pipes too. */
const readBytes = (pid: number): number =>
  Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${String(pid)}/io`, 'utf8'))?.[1])

test('output without end, in lines or in one line, fills neither the memory of its worker nor the log, and holds nobody up', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const limits = { LOG_LIMIT_BYTES: String(limitBytes), COMMAND_OUTPUT_BYTES: '65536' }
  const worker = startWorker(stores, { ...limits, LOG_LEVEL: 'info' })
  await worker.ready
  const readBefore = readBytes(worker.pid)
  const before = readMemory(worker.pid)?.rssBytes ?? 0
  const talk = (script: string) =>
    submit(deps, {
      ...{ task: 'command', payload: aScript(script), timeoutMs: 1200 },
      retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' },
    })
  const long = 'yes $(printf %01000d 0)' // short lines are slow to write: the worker counts each
  const talkers = [await talk(long), await talk(`${long} >&2`), await talk("tr '\\0' x < /dev/zero")]
  await dispatchUntil(deps, async () => (await stateOf(deps, talkers[2] ?? '')) === 'running')
  const neighbour = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, neighbour)) === 'succeeded')
  for (const id of talkers) {
    await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'failed')
    expect((await deps.jobs.find(id, null))?.error?.code).toBe('TIMEOUT')
  }
  expect(readBytes(worker.pid) - readBefore).toBeGreaterThan(100 * limitBytes)
  const peakBytes = readMemory(worker.pid)?.peakBytes ?? 0
  // Buffers of pipes lie until V8's next collection: of some 700 MB that are read by then, as many as it likes.
  expect(peakBytes - before).toBeLessThan(300_000_000)
  const kept = await connected(stores.databaseUrl, (db) =>
    db.query<{ job_id: string; bytes: string }>(
      'SELECT job_id, sum(text_bytes) AS bytes FROM job_log_chunks GROUP BY job_id',
    ),
  )
  expect(kept.rows.map((row) => row.job_id).sort()).toEqual([...talkers].sort())
  for (const { bytes } of kept.rows) expect(Number(bytes)).toBeLessThan(limitBytes * 1.1)
})
