import { expect, test } from '@jest/globals'
import { openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { aScript } from './a-run.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

/** Holds so much for longer than what looks at memory without control groups may take to look again. */
const hoard = (bytes: number) =>
  `x=$(head -c ${String(bytes)} /dev/zero | tail -c ${String(bytes)} | { sleep 2; wc -c; }); test "$x" = ${String(bytes)}`

test('a command that takes memory without end is killed at its limit beside an undisturbed neighbour, and goes on in the larger tier', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const node = { NODE_CPUS: '4', NODE_MEMORY_MB: '2000' }
  await Promise.all(
    ['small', 'medium'].map((TIER) => startWorker(stores, { TIER, NODE_ID: TIER, ...node }).ready),
  )
  const resources = { cpu: 0, memoryMb: 64, gpu: 0 }
  const retry = { maxAttempts: 2, backoffMs: 0, strategy: 'fixed' } as const
  const command = (script: string, escalateTier: boolean) =>
    submit(deps, { task: 'command', payload: aScript(script), resources, retry: { ...retry, escalateTier } })
  const neighbour = await command('sleep 1; echo fine', false)
  const modest = await command(hoard(100_000_000), true)
  const endless = await command('tail /dev/zero', true)
  const ids = [neighbour, modest, endless]
  await dispatchUntil(deps, async () =>
    (await Promise.all(ids.map((id) => stateOf(deps, id)))).every((state) =>
      /succeeded|failed/.test(state ?? ''),
    ),
  )
  expect(await deps.jobs.find(neighbour, null)).toMatchObject({
    ...{ state: 'succeeded', attempt: 1, tier: 'small', result: { stdout: 'fine\n' } },
  })
  expect(await deps.jobs.find(modest, null)).toMatchObject({
    ...{ state: 'succeeded', attempt: 2, tier: 'medium', nodeId: 'medium', resources: { memoryMb: 128 } },
  })
  expect(await deps.jobs.find(endless, null)).toMatchObject({
    ...{ state: 'failed', attempt: 2, tier: 'medium', nodeId: 'medium' },
    error: { code: 'OUT_OF_MEMORY', attempt: 2, message: expect.stringContaining('more than the 128 MiB') },
  })
  const events = await deps.jobs.listEvents(modest)
  expect(events.filter(({ reason }) => reason)).toMatchObject([
    {
      state: 'pending',
      attempt: 1,
      nodeId: 'small',
      reason: 'OUT_OF_MEMORY: goes on in tier medium with 128 MiB',
    },
  ])
})
