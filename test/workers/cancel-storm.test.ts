import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { QueueError } from '../../queue/domain/errors.ts'
import { isTerminal } from '../../queue/domain/job-state.ts'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import { makeRandom } from '../faults/random.ts'
import { alice, dispatchJobs, openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { findMarked } from '../../workers/executors/marked-processes.js'
import { aScript } from './a-run.ts'
import { startWorker } from './real-worker.ts'

/** `CANCELS=200` for a long one. */
const cancels = Number(process.env['CANCELS'] ?? 40)
const graceMs = 300

/** They ignore SIGTERM, spin, and leave children behind, one of them in a session of its own. */
const stubborn =
  'trap "" TERM; sleep 300 & (setsid sleep 300 &); (while :; do :; done) & while :; do sleep 0.02; done'
const obedient = 'sleep 300'
const short = 'sleep 0.2'

test(`of ${String(cancels)} jobs cancelled at random moments none is left running, and no process of theirs`, async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  await startWorker(stores, { CONCURRENCY: '8', KILL_GRACE_MS: String(graceMs) }).ready
  const random = makeRandom(7)
  let slowestMs = 0

  async function cancelOne(n: number): Promise<string> {
    const script = [stubborn, stubborn, obedient, short][n % 4] ?? short
    const id = await submit(deps, {
      task: 'command',
      payload: aScript(script),
      retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' },
    })
    await delay(random.next() * 600)
    const askedMs = performance.now()
    await cancelJob(deps, alice, id).catch((error: unknown) => {
      if (!(error instanceof QueueError && error.code === 'JOB_ALREADY_FINISHED')) throw error
    })
    await waitFor(async () => isTerminal((await deps.jobs.find(id, null))?.state ?? 'running'), {
      what: `job ${id} to end`,
    })
    slowestMs = Math.max(slowestMs, performance.now() - askedMs)
    return id
  }

  const over = new AbortController()
  const all = Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      const ids: string[] = []
      for (let n = lane; n < cancels; n += 8) ids.push(await cancelOne(n))
      return ids
    }),
  ).finally(() => over.abort())
  while (!over.signal.aborted) {
    await dispatchJobs(deps)
    await delay(20)
  }
  const ids = (await all).flat()

  const states = await Promise.all(ids.map((id) => stateOf(deps, id)))
  expect(states.filter((state) => state !== 'cancelled' && state !== 'succeeded')).toEqual([])
  expect(findMarked().filter(({ jobId }) => jobId !== undefined && ids.includes(jobId))).toEqual([])
  const reasons = new Set(
    (await Promise.all(ids.map((id) => deps.jobs.listEvents(id)))).map((events) => events.at(-1)?.reason),
  )
  for (const reason of reasons)
    if (reason !== undefined)
      expect(reason).toMatch(
        /^(requested|cancelled: SIGTERM, exit \d+|cancelled: SIGKILL after 0.3 s|cancelled)$/,
      )
  expect(reasons).toContain('cancelled: SIGKILL after 0.3 s')
  expect(reasons).toContain('cancelled: SIGTERM, exit 143')
  process.stdout.write(
    `slowest of ${String(cancels)} cancels: ${String(Math.round(slowestMs))} ms with a grace of ${String(graceMs)} ms\n`,
  )
  // A machine that does much else by the way proves nothing about time.
  if (process.env['CANCELS']) expect(slowestMs).toBeLessThan(graceMs + 2000)
}, 120_000)
