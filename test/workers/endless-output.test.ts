import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { alice, openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { connected } from '../support/template-database.ts'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import { readMemory } from '../../workers/executors/proc.ts'
import { waitFor } from '../support/wait-for.ts'
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
      ...{ task: 'command', payload: aScript(script), timeoutMs: 60_000 },
    })
  const long = 'yes $(printf %01000d 0)' // short lines are slow to write: the worker counts each
  const talkers = [await talk(long), await talk(`${long} >&2`), await talk("tr '\\0' x < /dev/zero")]
  await dispatchUntil(deps, async () => (await stateOf(deps, talkers[2] ?? '')) === 'running')
  const neighbour = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, neighbour)) === 'succeeded')
  const kept = () =>
    connected(stores.databaseUrl, async (db) => {
      const { rows } = await db.query<{ id: string; bytes: string }>(
        'SELECT job_id AS id, sum(text_bytes) AS bytes FROM job_log_chunks GROUP BY job_id',
      )
      return new Map(rows.map(({ id, bytes }) => [id, Number(bytes)]))
    })
  await waitFor(() => readBytes(worker.pid) - readBefore > 100 * limitBytes)
  await waitFor(async () => {
    const log = await kept()
    return talkers.every((id) => (log.get(id) ?? 0) > limitBytes * 0.8)
  })
  const peakBytes = readMemory(worker.pid)?.peakBytes ?? 0
  // Buffers of pipes lie until V8's next collection: of some 700 MB that are read by then, as many as it likes.
  expect(peakBytes - before).toBeLessThan(300_000_000)
  for (const id of talkers) {
    await cancelJob(deps, alice, id)
    await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'cancelled')
  }
  const log = await kept()
  expect([...log.keys()].sort()).toEqual([...talkers].sort())
  for (const bytes of log.values()) expect(bytes).toBeLessThan(limitBytes * 1.1)
})
