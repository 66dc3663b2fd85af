import { expect, test } from '@jest/globals'
import type { ClaimedJob, Json } from '../../queue/domain/job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { finishJob, handBackJob } from '../../queue/use-cases/finish-job.ts'
import { claimJob } from '../../queue/use-cases/claim-job.ts'
import { makeDirectPlatform } from '../../workers/direct-platform.ts'
import { openNotes } from '../../workers/run-notes.ts'
import { makeRuns } from '../../queue/intake/runs.ts'
import { aNode, aRunningJob, dispatchJobs, openTestQueue } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

function notesOf(deps: QueueDeps, bootId: string, job: ClaimedJob, progressMs = 1) {
  const run = makeRuns().begin(job, { id: bootId, ended: new AbortController().signal })
  return openNotes({ ...deps, platform: makeDirectPlatform(deps) }, run, { checkpointBytes: 100, progressMs })
}

const progressOf = async (deps: QueueDeps, id: string) => {
  const job = await deps.jobs.find(id, null)
  return [job?.progress, job?.progressNote]
}

test('of progress that is told often the newest is stored, the last one always', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  let writes = 0
  const add: QueueDeps['progressBatch']['add'] = (item) => {
    writes++
    return deps.progressBatch.add(item)
  }
  const counted = { ...deps, progressBatch: { ...deps.progressBatch, add } }
  const notes = notesOf(counted, bootId, job, 60_000)
  notes.progress(0.6, 'begun\0')
  await waitFor(async () => (await progressOf(deps, job.id))[0] === 1)
  expect(await progressOf(deps, job.id)).toEqual([1, 'begun\uFFFD'])
  for (let percent = 2; percent <= 90; percent++) notes.progress(percent)
  await notes.close()
  expect(await progressOf(deps, job.id)).toEqual([90, null])
  expect(writes).toBe(2)
})

test('the next attempt finds what the last one kept, and begins with no progress', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  const notes = notesOf(deps, bootId, job)
  expect(await notes.lastCheckpoint()).toBeNull()
  notes.progress(50, 'half')
  const kept = await Promise.all([1, 2, 3].map((step) => notes.checkpoint({ step })))
  await notes.close()
  expect(kept).toEqual([true, true, true])
  await handBackJob(deps, bootId, job, 'node-stopping')

  const again = await claimAgain(deps, bootId, job)
  expect(await notesOf(deps, bootId, again).lastCheckpoint()).toEqual({ step: 3 })
  expect(await progressOf(deps, job.id)).toEqual([null, null])
})

test('what a holder of before tells is refused: the next attempt has the job', async () => {
  const { deps } = await openTestQueue()
  const [first, second] = [await aNode(deps), await aNode(deps)]
  const job = await aRunningJob(deps, first)
  const stale = notesOf(deps, first, job)
  await handBackJob(deps, first, job, 'node-stopping')
  expect(await stale.checkpoint('between')).toBe(false)

  const again = await claimAgain(deps, second, job)
  expect(await stale.checkpoint('early')).toBe(false)
  expect(await notesOf(deps, second, again).checkpoint('new')).toBe(true)
  stale.progress(99)
  expect(await stale.checkpoint('old')).toBe(false)
  await stale.close()
  expect(await deps.checkpoints.find(job.id)).toBe('new')
  expect(await progressOf(deps, job.id)).toEqual([null, null])
})

test('a checkpoint that is too large is not kept', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  expect(await notesOf(deps, bootId, job).checkpoint('x'.repeat(99))).toBe(false)
  expect(await deps.checkpoints.find(job.id)).toBeNull()
})

test('a checkpoint that Postgres can not take now is tried again, and a newer one takes its place', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  const { QueueError } = await import('../../queue/domain/errors.ts')
  const seen: Json[] = []
  let failures = 1
  const add: QueueDeps['checkpointBatch']['add'] = (item) => {
    seen.push(item.checkpoint.value)
    if (failures-- > 0) return Promise.reject(new QueueError('POSTGRES_UNAVAILABLE', 'Away.'))
    return deps.checkpointBatch.add(item)
  }
  const notes = notesOf({ ...deps, checkpointBatch: { ...deps.checkpointBatch, add } }, bootId, job)
  const kept = [notes.checkpoint(1), notes.checkpoint(2)]
  expect(await Promise.all(kept)).toEqual([true, true])
  expect(seen.at(-1)).toBe(2)
  expect(await deps.checkpoints.find(job.id)).toBe(2)
  await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
})

async function claimAgain(deps: QueueDeps, bootId: string, job: ClaimedJob): Promise<ClaimedJob> {
  await dispatchJobs(deps)
  const again = await claimJob(deps, bootId, { id: job.id, seq: 2 })
  if (!again) throw new Error('It could not be claimed again.')
  return again
}
