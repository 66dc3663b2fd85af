import { expect, test } from '@jest/globals'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import { aNode, aRunningJob, dispatchJobs, openTestQueue, stateOf, submit } from '../../support/test-queue.ts'
import { connected } from '../../support/template-database.ts'

const success = { kind: 'succeeded', result: null, usage: { wallMs: 1 } } as const

test('claims of several nodes go in one round, each under its own boot', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const [first, second, dead] = [await aNode(deps), await aNode(deps), await aNode(deps)]
  await deps.nodes.sayGoodbye(dead)
  const ids = await Promise.all(Array.from({ length: 4 }, () => submit(deps)))
  await dispatchJobs(deps)
  const [a = '', b = '', c = '', d = ''] = ids
  const answers = await Promise.all(
    [
      [first, a],
      [second, b],
      [second, a],
      [dead, c],
      [second, d],
      [second, d],
    ].map(([bootId = '', id = '']) => claimJob(deps, bootId, { id, seq: 1 })),
  )
  expect(answers.map((job) => job?.id)).toEqual([a, b, undefined, undefined, d, undefined])
  const holders = await connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{ id: string; boot_id: string }>(
      'SELECT id, boot_id FROM jobs WHERE boot_id IS NOT NULL',
    )
    return Object.fromEntries(rows.map((row) => [row.id, row.boot_id]))
  })
  expect(holders).toEqual({ [a]: first, [b]: second, [d]: second })
})

test('in one round with the holder, another node ends and notes nothing', async () => {
  const { deps } = await openTestQueue()
  const [holder, other] = [await aNode(deps), await aNode(deps)]
  const job = await aRunningJob(deps, holder)
  const identity = { id: job.id, fence: job.fence }
  const checkpoint = { jobId: job.id, fence: job.fence, attempt: 1 }
  const [, , kept, foreign, newer] = await Promise.all([
    deps.progressBatch.add({ bootId: holder, note: { ...identity, progress: 10, note: 'mine' } }),
    deps.progressBatch.add({ bootId: other, note: { ...identity, progress: 99, note: 'not mine' } }),
    deps.checkpointBatch.add({ bootId: holder, checkpoint: { ...checkpoint, value: 1 } }),
    deps.checkpointBatch.add({ bootId: other, checkpoint: { ...checkpoint, value: 'foreign' } }),
    deps.checkpointBatch.add({ bootId: holder, checkpoint: { ...checkpoint, value: 2 } }),
  ])
  expect([kept, foreign, newer]).toEqual([true, false, true])
  expect(await deps.checkpoints.find(job.id)).toBe(2)
  expect(await deps.jobs.find(job.id, null)).toMatchObject({ progress: 10, progressNote: 'mine' })
  expect(
    await Promise.all([
      finishJob(deps, other, job, success),
      finishJob(deps, holder, job, success),
      finishJob(deps, holder, { ...job, fence: job.fence - 1 }, success),
    ]),
  ).toEqual([null, 'succeeded', null])
  expect(await stateOf(deps, job.id)).toBe('succeeded')
})
