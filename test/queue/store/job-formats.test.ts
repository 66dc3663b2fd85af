import { expect, test } from '@jest/globals'
import { formatToWrite } from '../../../queue/store/jobs/format-to-write.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { findUnoffered } from '../../../queue/use-cases/find-unoffered.ts'
import { connected } from '../../support/template-database.ts'
import { aNode, dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'

const room = {
  free: { slots: 9, cpus: 9, memoryMb: 9, gpus: 0 },
  share: { cpus: 1, memoryMb: 1 },
  suspectFrom: 3,
}

test('a worker refuses rows of a later format, by delivery and straight from Postgres: they stay queued, and are told of', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const sql = (text: string) => connected(databaseUrl, (client) => client.query(text))
  const bootId = await aNode(deps)
  await sql('UPDATE nodes SET tasks = \'[{"name": "echo"}]\'')
  const id = await submit(deps)
  await dispatchJobs(deps)
  expect(await findUnoffered(deps)).toEqual([])
  await sql('UPDATE jobs SET format_version = 2')
  const take = () => deps.jobs.take({ bootId, tiers: ['small'], tasks: ['echo'], ...room })
  const claim = () => claimJob(deps, bootId, { id, seq: 1 }, false)
  expect([await claim(), await take()]).toEqual([null, []])
  expect(await deps.jobs.find(id, null)).toMatchObject({ state: 'queued', attempt: 0 })
  expect(await findUnoffered(deps)).toEqual([{ tier: 'small', task: 'echo', jobs: 1 }])

  await sql('UPDATE jobs SET format_version = 1')
  expect(await claim()).toMatchObject({ id })
})

test('the next format is written only once all live workers read it', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const query = async (text: string) =>
    (await connected(databaseUrl, (client) => client.query<{ format: number }>(text))).rows[0]?.format
  const written = () => query(`SELECT ${formatToWrite(2)} AS format`)
  expect(await written()).toBe(1) // nobody is there who could read it
  const [first, second] = [await aNode(deps), await aNode(deps)]
  expect(await written()).toBe(1)
  await query(`UPDATE nodes SET reads_format = 2 WHERE boot_id = '${first}'`)
  expect(await written()).toBe(1)
  await query(`UPDATE nodes SET state = 'draining' WHERE boot_id = '${second}'`)
  expect(await written()).toBe(1) // it may hold a delivery still
  await deps.nodes.sayGoodbye(second)
  expect(await written()).toBe(2)

  await submit(deps)
  expect(await query('SELECT format_version AS format FROM jobs')).toBe(1) // of this version
})
