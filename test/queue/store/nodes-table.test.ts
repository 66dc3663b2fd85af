import { expect, test } from '@jest/globals'
import { nothingToReport } from '../../../queue/domain/node.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { openTestQueue } from '../../support/test-queue.ts'

const recallable = { isRecallable: true }

async function aNode(deps: QueueDeps): Promise<{ id: string; bootId: string }> {
  const [id, bootId] = [`node-${deps.newId()}`, deps.newId()]
  const size = { tiers: ['small'], cpus: 2, memoryMb: 4096, gpus: 0, concurrency: 4 }
  await deps.nodes.register({ id, bootId, ...size, version: '0', tasks: [] }, 60_000)
  return { id, bootId }
}

test('a drain of scaling is taken back until the node has drained, and then no more', async () => {
  const { deps } = await openTestQueue()
  const { id, bootId } = await aNode(deps)
  const renew = (isDrained: boolean) => deps.nodes.renew(bootId, 60_000, { ...nothingToReport, isDrained })
  expect(await deps.nodes.recall(id)).toBe(false) // it is ready
  await deps.nodes.drain(id, recallable)
  expect(await renew(false)).toMatchObject({ state: 'draining' })
  expect(await deps.nodes.recall(id)).toBe(true)
  expect(await renew(false)).toMatchObject({ state: 'ready' })

  await deps.nodes.drain(id, recallable)
  await renew(true)
  expect(await deps.nodes.recall(id)).toBe(false)
  expect(await renew(true)).toMatchObject({ state: 'draining' })
})

test('that a node had drained, told after it was called back, does not count for the next drain', async () => {
  const { deps } = await openTestQueue()
  const { id, bootId } = await aNode(deps)
  await deps.nodes.drain(id, recallable)
  await deps.nodes.recall(id)
  // Sent before it could know.
  await deps.nodes.renew(bootId, 60_000, { ...nothingToReport, isDrained: true })
  await deps.nodes.drain(id, recallable)
  expect(await deps.nodes.findLive(id)).toMatchObject({ state: 'draining', drainedAt: null })
})

test('a node that was called back and does not take jobs again is draining once more', async () => {
  const { deps } = await openTestQueue()
  const { id, bootId } = await aNode(deps)
  await deps.nodes.drain(id, recallable)
  await deps.nodes.recall(id)
  const renew = (isDrained: boolean) => deps.nodes.renew(bootId, 60_000, { ...nothingToReport, isDrained })
  expect(await renew(true)).toMatchObject({ state: 'ready' })
  expect(await renew(false)).toMatchObject({ state: 'ready' }) // it has heard
  expect(await renew(true)).toMatchObject({ state: 'ready' })
  expect(await renew(true)).toMatchObject({ state: 'draining' })
  expect(await deps.nodes.recall(id)).toBe(false)
})

test.each(['before', 'after'])(
  'a drain that an operator asked for %s that of scaling stays',
  async (when) => {
    const { deps } = await openTestQueue()
    const { id } = await aNode(deps)
    const drains = [recallable, undefined]
    for (const how of when === 'after' ? drains : drains.toReversed()) await deps.nodes.drain(id, how)
    expect(await deps.nodes.recall(id)).toBe(false)
    expect(await deps.nodes.findLive(id)).toMatchObject({ state: 'draining', isRecallable: false })
  },
)
