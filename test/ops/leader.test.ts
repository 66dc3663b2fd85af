import { expect, test } from '@jest/globals'
import pg from 'pg'
import { silentLogger } from '../../core/logger.ts'
import { makeMetrics } from '../../core/metrics.ts'
import { makeLeader } from '../../ops/leader.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { cleanUp } from '../support/clean-up.ts'
import { freePort, startPlatform } from '../support/platform.ts'
import { openTestQueue } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

/** A process of its own, as far as the lead goes. `isCut` keeps it from reaching Postgres. */
async function aProcess(deps: QueueDeps, session: string) {
  const link = { isCut: false }
  const table: QueueDeps['leader'] = {
    take: (...given) => (link.isCut ? Promise.reject(new Error('cut')) : deps.leader.take(...given)),
    resign: (holder) => deps.leader.resign(holder),
  }
  const leader = makeLeader(
    { leader: table, metrics: makeMetrics(), newId: deps.newId, log: silentLogger },
    session,
  )
  cleanUp(() => leader.stop())
  await leader.start()
  return { leader, link }
}

test('one process leads; when it can not renew it knows so before another leads, under a greater term', async () => {
  const { deps } = await openTestQueue()
  const first = await aProcess(deps, 'noodle first')
  await waitFor(() => first.leader.term() !== null)
  const second = await aProcess(deps, 'noodle second')
  const term = first.leader.term() ?? 0
  await waitFor(async () => (await deps.leader.take(deps.newId(), 'noodle third', 1000)) === null)
  expect(second.leader.term()).toBeNull()

  first.link.isCut = true
  await waitFor(() => {
    if (first.leader.term() !== null && second.leader.term() !== null) throw new Error('two lead at once')
    return second.leader.term() !== null
  })
  expect(second.leader.term()).toBe(term + 1)

  first.link.isCut = false
  await second.leader.stop()
  await waitFor(() => first.leader.term() === term + 2)
})

test('who takes the lead from another ends its sessions first, and nobody else his', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const open = async (application_name: string) => {
    const client = new pg.Client({ connectionString: databaseUrl, application_name })
    let hasEnded = false
    client.on('error', () => (hasEnded = true)).on('end', () => (hasEnded = true))
    await client.connect()
    cleanUp(() => client.end().catch(() => undefined))
    return { client, hasEnded: () => hasEnded }
  }
  const frozen = await open('noodle ops 11aa')
  const neighbour = await open('noodle ops 22bb')
  await frozen.client.query('BEGIN')
  await frozen.client.query('SELECT FROM platform FOR UPDATE')

  expect(await deps.leader.take(deps.newId(), 'noodle ops 11aa', 1)).toBe(1)
  const successor = deps.newId()
  await waitFor(async () => (await deps.leader.take(successor, 'noodle ops 33cc', 1)) === 2)
  await waitFor(frozen.hasEnded)
  await deps.platform.raiseEpoch(7) // waits no more for the row that the frozen one held
  // Its own former sessions are no stranger's.
  expect(await deps.leader.take(successor, 'noodle ops 22bb', 1)).toBe(2)
  expect(await deps.leader.take(successor, 'noodle ops 33cc', 1)).toBe(2)
  expect(neighbour.hasEnded()).toBe(false)
})

test('of two ops processes one leads; when it is frozen the other does, and woken it does not lead again', async () => {
  const ports = [await freePort(), await freePort()]
  const platform = await startPlatform({ METRICS_PORT: String(ports[0]) })
  const second = platform.startOps({ METRICS_PORT: String(ports[1]) })
  const leads = async (port: number | undefined) => {
    const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text()
    return Number(/^noodle_leads (\d)/m.exec(text)?.[1])
  }
  await waitFor(async () => (await leads(ports[0])) + (await leads(ports[1])) === 1)
  const [leader, leaderPort, other] = (await leads(ports[0]))
    ? [platform.ops, ports[0], ports[1]]
    : [second, ports[1], ports[0]]

  leader.child.kill('SIGSTOP')
  try {
    await waitFor(async () => (await leads(other)) === 1)
  } finally {
    leader.child.kill('SIGCONT')
  }
  await waitFor(async () => (await leads(leaderPort)) === 0)
  expect(await leads(other)).toBe(1)
})
