import { expect, test } from '@jest/globals'
import type { Finish } from '../../../queue/store/jobs/finish.ts'
import { connected } from '../../support/template-database.ts'
import { aNode, aRunningJob, dispatchJobs, openTestQueue, stateOf, submit } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Begins moves while another transaction has done something to a row and not committed it; it commits when all of them wait. */
async function whileAnotherHolds<T>(
  databaseUrl: string,
  change: string,
  id: string | undefined,
  moves: (() => Promise<T>)[],
): Promise<T[]> {
  return connected(databaseUrl, async (other) => {
    await other.query('BEGIN')
    await other.query(change, [id])
    const moving = moves.map((move) => move())
    await waitFor(async () => {
      const { rows } = await other.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      )
      return rows.length === moves.length
    })
    await other.query('COMMIT')
    return Promise.all(moving)
  })
}

test('a claim takes what is queued when it gets the row, not what was when it asked', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const bootId = await aNode(deps)
  const ids = [await submit(deps), await submit(deps), await submit(deps)]
  await dispatchJobs(deps)
  const claim = () =>
    deps.jobs.claim(
      ids.map((id) => ({ bootId, id, isAlone: false })),
      3,
    )

  const cancel = "UPDATE jobs SET state = 'cancelled' WHERE id = $1"
  const [claimed] = await whileAnotherHolds(databaseUrl, cancel, ids[1], [claim])
  expect(claimed?.map((job) => job?.id)).toEqual([ids[0], undefined, ids[2]])
  expect(await stateOf(deps, ids[1] ?? '')).toBe('cancelled')
})

test('an end obeys what stands in the row when it gets it: a cancel that came before it, a fence that another has', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const bootId = await aNode(deps)
  const jobs = [
    await aRunningJob(deps, bootId),
    await aRunningJob(deps, bootId),
    await aRunningJob(deps, bootId),
  ]
  const [first, second, third] = jobs.map(({ id }) => id)
  const end = (job: { id: string; fence: number }, ended: object) => ({
    bootId,
    finish: { id: job.id, fence: job.fence, usage: null, ...ended } as Finish,
  })
  const retried = (message: string) => ({
    outcome: 'failed',
    error: { code: 'THROWN', message, attempt: 1 },
    next: { state: 'pending', delayMs: 60_000 },
  })

  const finish = () => deps.jobs.finish(jobs.map((job, i) => end(job, retried(`the ${String(i)}th`))))
  const flag = 'UPDATE jobs SET cancel_requested_at = now() WHERE id = $1'
  expect(await whileAnotherHolds(databaseUrl, flag, second, [finish])).toEqual([
    ['pending', 'cancelled', 'pending'],
  ])
  const errors = await Promise.all(
    [first, second, third].map(async (id) => (await deps.jobs.find(id ?? '', null))?.error),
  )
  expect(errors).toMatchObject([{ message: 'the 0th' }, { code: 'CANCELLED' }, { message: 'the 2th' }])

  const another = await aRunningJob(deps, bootId)
  const late = () => deps.jobs.finish([end(another, { outcome: 'succeeded', result: 1 })])
  const taken = 'UPDATE jobs SET fence = fence + 1 WHERE id = $1'
  expect(await whileAnotherHolds(databaseUrl, taken, another.id, [late])).toEqual([[null]])
  expect(await stateOf(deps, another.id)).toBe('running')
})

test('claims, ends and notes of the same jobs in opposite order wait for one another in turn, never in a circle', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const boots = [await aNode(deps), await aNode(deps)]
  const ids = [await submit(deps), await submit(deps), await submit(deps)]
  await dispatchJobs(deps)
  const inBothOrders = <T>(move: (bootId: string, ids: string[]) => Promise<T>) =>
    boots.map((bootId, i) => () => move(bootId, i === 0 ? ids : ids.toReversed()))
  const atOnce = <T>(move: (bootId: string, ids: string[]) => Promise<T>) =>
    whileAnotherHolds(databaseUrl, 'SELECT FROM jobs WHERE id = $1 FOR UPDATE', ids[1], inBothOrders(move))

  const claims = await atOnce((bootId, own) =>
    deps.jobs.claim(
      own.map((id) => ({ bootId, id, isAlone: false })),
      3,
    ),
  )
  const claimed = claims.flat().filter((job) => job !== null)
  expect(claimed.map(({ id }) => id).sort()).toEqual(ids.toSorted())

  const holder = claims[0]?.[0] ? boots[0] : boots[1]
  const fenceOf = new Map(claimed.map(({ id, fence }) => [id, fence]))
  const byHolder = (id: string) => ({ id, fence: fenceOf.get(id) ?? 0 })
  await atOnce((_, own) =>
    deps.jobs.noteProgress(
      own.map((id) => ({ bootId: holder ?? '', note: { ...byHolder(id), progress: 50, note: null } })),
    ),
  )
  const ends = await atOnce((_, own) =>
    deps.jobs.finish(
      own.map((id) => ({
        bootId: holder ?? '',
        finish: { ...byHolder(id), usage: null, outcome: 'succeeded', result: id },
      })),
    ),
  )
  expect(ends.flat().filter((state) => state === 'succeeded')).toHaveLength(3)
})
