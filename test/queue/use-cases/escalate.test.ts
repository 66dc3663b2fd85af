import { expect, test } from '@jest/globals'
import type { ClaimedJob } from '../../../queue/domain/job.ts'
import { balanceLedger } from '../../../queue/use-cases/balance-ledger.ts'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { aNode, aRunningJob, alice, dispatchJobs, openTestQueue } from '../../support/test-queue.ts'

const escalating = { maxAttempts: 5, backoffMs: 0, strategy: 'fixed', escalateTier: true } as const

/** Its attempt needed more than this. */
const runOut = (deps: QueueDeps, bootId: string, job: ClaimedJob, outOfMemoryMb = 512) =>
  finishJob(deps, bootId, job, {
    ...{ kind: 'failed', error: { code: 'OUT_OF_MEMORY', message: 'no' }, isFinal: false },
    ...{ usage: { wallMs: 1 }, outOfMemoryMb },
  })

test('out of memory, a job goes from tier to tier with twice the memory each time, and on the largest stays there', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  let job: ClaimedJob | null = await aRunningJob(deps, bootId, { retry: escalating })
  const { id } = job
  const seen = []
  for (const limitMb of [3000, 6000, 12_000, 12_000]) {
    if (job) await runOut(deps, bootId, job, limitMb)
    const { tier, resources, state } = (await deps.jobs.find(id, null)) ?? {}
    seen.push([tier, resources?.memoryMb, state])
    await dispatchJobs(deps)
    job = await claimJob(deps, bootId, { id, seq: 1 + seen.length })
  }
  expect(seen).toEqual([
    ['medium', 6000, 'pending'],
    ['heavy', 12_000, 'pending'],
    ['heavy', 12_000, 'pending'],
    ['heavy', 12_000, 'pending'],
  ])
  expect((await deps.jobs.listEvents(id)).map(({ reason }) => reason).filter(Boolean)).toEqual([
    'OUT_OF_MEMORY: goes on in tier medium with 6000 MiB',
    'OUT_OF_MEMORY: goes on in tier heavy with 12000 MiB',
    'OUT_OF_MEMORY',
    'OUT_OF_MEMORY',
  ])
  expect(await balanceLedger(deps, { settleMs: -60_000, restMs: 0 })).toMatchObject({
    missing: 0,
    surplus: 0,
  })
})

test('nobody is moved to another tier who did not ask for it, ended, was cancelled, failed otherwise, or lost the job', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const plain = await aRunningJob(deps, bootId)
  const last = await aRunningJob(deps, bootId, { retry: { ...escalating, maxAttempts: 1 } })
  const [flagged, other, lost] = [
    await aRunningJob(deps, bootId, { retry: escalating }),
    await aRunningJob(deps, bootId, { retry: escalating }),
    await aRunningJob(deps, bootId, { retry: escalating }),
  ]
  await cancelJob(deps, alice, flagged.id)
  expect(await runOut(deps, bootId, plain)).toBe('pending')
  expect(await runOut(deps, bootId, last)).toBe('failed')
  expect(await runOut(deps, bootId, flagged)).toBe('cancelled')
  await finishJob(deps, bootId, other, {
    ...{ kind: 'failed', error: { code: 'EXIT_CODE', message: 'no' }, isFinal: false, usage: { wallMs: 1 } },
  })
  expect(await runOut(deps, bootId, { ...lost, fence: lost.fence - 1 })).toBeNull()
  for (const { id } of [plain, last, flagged, other, lost])
    expect(await deps.jobs.find(id, null)).toMatchObject({ tier: 'small', resources: { memoryMb: 0 } })
})

test('the larger memory is at most what the largest live node of the tier has', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const node = { cpus: 4, memoryMb: 700, gpus: 0, concurrency: 1, version: '0', tasks: [] }
  await deps.nodes.register({ id: 'medium-1', bootId: deps.newId(), tiers: ['medium'], ...node }, 60_000)
  const job = await aRunningJob(deps, bootId, { retry: escalating })
  await runOut(deps, bootId, job)
  expect(await deps.jobs.find(job.id, null)).toMatchObject({ tier: 'medium', resources: { memoryMb: 700 } })
})
