import { expect, test } from '@jest/globals'
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { artifactKey, payloadKey } from '../../../queue/domain/blob.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import { pruneJobs } from '../../../queue/use-cases/prune-jobs.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { reapNodes } from '../../../queue/use-cases/reap-nodes.ts'
import { makeOrphanSweep } from '../../../queue/use-cases/remove-orphan-blobs.ts'
import { anS3Server } from '../store/blobs/an-s3-server.ts'
import { testBlobDir } from '../../support/test-blobs.ts'
import { connected } from '../../support/template-database.ts'
import { alice, aNode, aRunningJob, dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'

const large = 'x'.repeat(40_000)

async function keysOf(deps: QueueDeps): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of deps.blobs.list('')) if (!key.startsWith('_')) keys.push(key)
  return keys.sort()
}

/** As a holder leaves it. */
async function aJobWithBlobs(deps: QueueDeps): Promise<string> {
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId, { payload: large })
  const { sha256 } = await deps.blobs.put(artifactKey(job, 'plots/a.png'), Buffer.from('plot'))
  await deps.artifacts.keep(bootId, { jobId: job.id, fence: job.fence }, [
    { name: 'plots/a.png', bytes: 4, sha256 },
  ])
  await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
  return job.id
}

test('what a pruned job has in the blob store goes with it; that of others stays', async () => {
  const { deps, databaseUrl } = await openTestQueue({ retentionDays: 30 })
  const [old, young] = [await aJobWithBlobs(deps), await aJobWithBlobs(deps)]
  const live = await submit(deps, { payload: large })
  expect(await keysOf(deps)).toHaveLength(5)
  // UUIDv7 of 2020: of a job that was accepted long ago.
  const longAgo = '016f5e66-e800-7000-8000-000000000001'
  await connected(databaseUrl, async (client) => {
    for (const [table, column] of [
      ['jobs', 'id'],
      ['artifacts', 'job_id'],
      ['attempts', 'job_id'],
      ['job_events', 'job_id'],
    ])
      await client.query(`UPDATE ${String(table)} SET ${String(column)} = $2 WHERE ${String(column)} = $1`, [
        old,
        longAgo,
      ])
    await client.query("UPDATE jobs SET finished_at = now() - interval '31 days' WHERE id = $1", [longAgo])
  })
  await deps.blobs.put(payloadKey({ tenant: alice.tenant, id: longAgo }), Buffer.from('its payload'))
  await pruneJobs(deps)
  const keys = await keysOf(deps)
  expect(keys.filter((key) => key.includes(longAgo))).toEqual([])
  expect(keys.filter((key) => key.includes(young))).toHaveLength(2)
  expect(keys.filter((key) => key.includes(live))).toHaveLength(1)
  expect(await deps.artifacts.list(longAgo, { attempt: null, limit: 10 })).toEqual([])
})

test.each([
  ['a folder', () => Promise.resolve({ BLOB_DIR: testBlobDir() })],
  ['S3', async () => (await anS3Server()).settings],
])('in %s orphans are removed once they are old, and nothing that a job has', async (_, open) => {
  const { deps } = await openTestQueue({}, { env: await open() })
  const [ended, live] = [await aJobWithBlobs(deps), await submit(deps, { payload: large })]
  // As left by a gateway that was killed between the blob and its job.
  const orphan = payloadKey({ tenant: alice.tenant, id: deps.newId() })
  await deps.blobs.put(orphan, Buffer.from('x'))
  await deps.blobs.put('not/of-noodle', Buffer.from('x'))
  const before = await keysOf(deps)

  const day = makeOrphanSweep(deps)
  for (let i = 0; i < 3; i++) await day.round()
  expect(await keysOf(deps)).toEqual(before)

  const atOnce = makeOrphanSweep(deps, { ageMs: -5000 })
  for (let i = 0; i < 3; i++) await atOnce.round()
  expect(await keysOf(deps)).toEqual(before.filter((key) => key !== orphan))
  expect((await keysOf(deps)).filter((key) => key.includes(ended) || key.includes(live))).toHaveLength(3)
})

test('a young orphan may be a job on its way, and stays; one that is older than a day goes', async () => {
  const env = { BLOB_DIR: testBlobDir() }
  const { deps } = await openTestQueue({}, { env })
  const [young, old] = [deps.newId(), deps.newId()].map((id) => payloadKey({ tenant: alice.tenant, id }))
  for (const key of [young, old]) await deps.blobs.put(key ?? '', Buffer.from('x'))
  const sweep = makeOrphanSweep(deps)
  await sweep.round() // leaves its mark
  const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000)
  const [mark = ''] = readdirSync(join(env.BLOB_DIR, '_installations'))
  for (const key of [`_installations/${mark}`, old ?? ''])
    utimesSync(join(env.BLOB_DIR, key), twoDaysAgo, twoDaysAgo)
  await sweep.round()
  expect(await keysOf(deps)).toEqual([young])
})

test('in a store that another installation uses too nothing is removed', async () => {
  const env = { BLOB_DIR: testBlobDir() }
  const { deps } = await openTestQueue({}, { env })
  await deps.blobs.put(payloadKey({ tenant: 'theirs', id: deps.newId() }), Buffer.from('x'))
  await deps.blobs.put(`_installations/${deps.newId()}`, Buffer.alloc(0))
  const sweep = makeOrphanSweep(deps, { ageMs: -5000 })
  for (let i = 0; i < 3; i++) await sweep.round()
  expect(await keysOf(deps)).toHaveLength(1)
})

test('a store that nobody needed yet is left as it is', async () => {
  const { deps } = await openTestQueue()
  await makeOrphanSweep(deps).round()
  const listing = deps.blobs.list('')
  expect((await listing.next()).done).toBe(true)
})

test('what a node stored that then died is never shown, only what the next attempt stored', async () => {
  const { deps, databaseUrl } = await openTestQueue({ leaseMs: 60_000, leaseGraceMs: 0 })
  const first = await aNode(deps)
  const job = await aRunningJob(deps, first)
  const { sha256 } = await deps.blobs.put(artifactKey(job, 'a'), Buffer.from('first'))
  await deps.artifacts.keep(first, { jobId: job.id, fence: job.fence }, [{ name: 'a', bytes: 5, sha256 }])
  await connected(databaseUrl, (client) =>
    client.query(`UPDATE platform SET reaper_seen_at = now(), reaper_held_until = now() - interval '1 second';
                  UPDATE nodes SET lease_expires_at = now() - interval '1 second'`),
  )
  await reapNodes(deps, 0)
  await dispatchJobs(deps)
  const second = await aNode(deps)
  const again = await claimJob(deps, second, { id: job.id, seq: 2 })
  if (!again) throw new Error('It was not queued.')
  expect(await deps.artifacts.list(job.id, { attempt: null, limit: 10 })).toEqual([])
  const other = await deps.blobs.put(artifactKey(again, 'b'), Buffer.from('second'))
  await deps.artifacts.keep(second, { jobId: job.id, fence: again.fence }, [{ name: 'b', ...other }])
  await finishJob(deps, second, again, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
  expect(await deps.artifacts.list(job.id, { attempt: null, limit: 10 })).toMatchObject([
    { name: 'b', attempt: 2 },
  ])
  expect(await deps.artifacts.list(job.id, { attempt: 1, limit: 10 })).toEqual([])
  expect(await deps.artifacts.find(job.id, 'a', null)).toBeNull()
})
