import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import type { JobState } from '../../queue/domain/job-state.ts'
import { reapNodes } from '../../queue/use-cases/reap-nodes.ts'
import { makeRandom } from '../faults/random.ts'
import { alice, dispatchJobs, openTestQueue, stateOf, statesOf, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { findMarked } from '../../workers/executors/marked-processes.js'
import { aFolder, aScript } from './a-run.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

const leaseMs = 2000

test('jobs whose worker is killed just before, just after, or while they are cancelled end cancelled and never run again', async () => {
  const stores = await openTestQueue({ leaseMs, leaseGraceMs: 100 })
  const { deps } = stores
  const settings = { LEASE_SECONDS: String(leaseMs / 1000), CONCURRENCY: '1' }
  const dying = Array.from({ length: 3 }, (_, n) =>
    startWorker(stores, { ...settings, NODE_ID: `node-${String(n)}` }),
  )
  await Promise.all(dying.map((worker) => worker.ready))
  const starts = join(aFolder(), 'starts')
  const script = `echo $NOODLE_JOB_ID >> ${starts}; trap "" TERM; (setsid sleep 300 &); while :; do sleep 0.02; done`
  const ids = await Promise.all(dying.map(() => submit(deps, { task: 'command', payload: aScript(script) })))
  const started = () => (existsSync(starts) ? readFileSync(starts, 'utf8').trim().split('\n').sort() : [])
  await dispatchUntil(deps, async () => {
    await reapNodes(deps) // from now on it knows that there is no gap
    return started().length === ids.length
  })
  await startWorker(stores, settings).ready // who would run them again

  const cancel = async (id: string) =>
    expect((await cancelJob(deps, alice, id)).state).toMatch(/running|cancelled/)
  const kill = async (id: string) => {
    const nodeId = (await deps.jobs.find(id, null))?.nodeId
    await dying[Number(nodeId?.at(-1))]?.stop('SIGKILL')
  }
  const [first = '', second = '', third = ''] = ids
  await kill(first)
  await cancel(first)
  await cancel(second)
  await kill(second)
  await Promise.all([cancel(third), kill(third)])
  await dispatchUntil(deps, async () => {
    await reapNodes(deps)
    return (await Promise.all(ids.map((id) => stateOf(deps, id)))).every((state) => state === 'cancelled')
  })
  const next = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, next)) === 'succeeded')
  for (const id of ids)
    expect(await statesOf(deps, id)).toEqual(['pending', 'queued', 'running', 'cancelled'])
  expect(started()).toEqual([...ids].sort())
  await waitFor(() => findMarked().every(({ jobId = '' }) => !ids.includes(jobId)))
})

test('jobs cancelled at any moment on their way from pending to running all end cancelled, and what was cancelled before its start does nothing', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  await startWorker(stores, { CONCURRENCY: '20' }).ready
  const folder = aFolder()
  const random = makeRandom(11)
  const seen = { unstarted: 0, started: 0 }
  const payload = aScript(`: > ${folder}/$NOODLE_JOB_ID; exec sleep 300`)

  async function cancelOne(from: JobState): Promise<string> {
    const id = await submit(deps, { task: 'command', payload })
    await waitFor(async () => (await statesOf(deps, id)).includes(from), { everyMs: 0 })
    // Turns of the event loop, not time: the slower the machine, the more of the way goes by.
    for (let turns = random.next() ** 2 * 100; turns > 0; turns--) await turn()
    const answers = await Promise.all([cancelJob(deps, alice, id), cancelJob(deps, alice, id)]) // two gateways
    if (answers.some(({ state }) => state === 'cancelled') && !(await statesOf(deps, id)).includes('running'))
      seen.unstarted++
    else seen.started++
    return id
  }

  const stations = ['pending', 'queued', 'running'] as const
  const over = new AbortController()
  const lanes = Array.from({ length: 6 }, async () => {
    const ids: string[] = []
    for (let n = 0; n < 12; n++) ids.push(await cancelOne(stations[n % stations.length] ?? 'pending'))
    return ids
  })
  const all = Promise.all(lanes).finally(() => over.abort())
  while (!over.signal.aborted) {
    await dispatchJobs(deps)
    await turn()
  }
  const ids = (await all).flat()
  await dispatchUntil(deps, async () =>
    (await Promise.all(ids.map((id) => stateOf(deps, id)))).every((state) => state === 'cancelled'),
  )
  for (const id of ids) {
    const states = await statesOf(deps, id)
    expect(states.at(-1)).toBe('cancelled')
    expect(states.filter((state) => state === 'running').length).toBeLessThanOrEqual(1)
    if (!states.includes('running')) expect(existsSync(join(folder, id))).toBe(false)
  }
  expect(findMarked().filter(({ jobId }) => jobId !== undefined && ids.includes(jobId))).toEqual([])
  expect(seen.unstarted).toBeGreaterThan(0)
  expect(seen.started).toBeGreaterThan(0)
})
