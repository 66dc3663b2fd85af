import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { steer, type SteeredNode, type SteerInput, type WatchedNode } from '../../../ops/autoscale/steer.ts'

const deadlines = { startDeadlineMs: 60_000, lostDeadlineMs: 40_000 }

const aDriven = (id: string, fields: Partial<WatchedNode> = {}): WatchedNode => ({
  ...{ id, tier: 'small', isStopping: false, hasBeenUp: false, missingMs: 1000 },
  ...fields,
})
const aNode = (id: string, fields: Partial<SteeredNode> = {}): SteeredNode => ({
  ...{ id, tiers: ['small'], state: 'ready', isDrained: false, isRecallable: false, busyMs: 0 },
  ...fields,
})
const ids = (nodes: readonly { id: string }[]) => nodes.map(({ id }) => id)

test('nodes that are on their way count: none is asked for twice', () => {
  const driven = [aDriven('a'), aDriven('b', { hasBeenUp: true, missingMs: 0 })]
  const plan = steer({ ...deadlines, desired: 4, max: 10, nodes: [aNode('b')], driven })
  expect(plan).toMatchObject({ start: 2, ready: 1, starting: 1, drain: [], stop: [] })
})

test('idle nodes leave first, then those that are free soonest; those that others started stay', () => {
  const nodes = [
    aNode('long', { busyMs: 90_000 }),
    aNode('short', { busyMs: 2000 }),
    aNode('idle'),
    aNode('stranger'),
    aNode('of two tiers', { tiers: ['small', 'medium'] }),
  ]
  const driven = ['long', 'short', 'idle', 'of two tiers'].map((id) => aDriven(id, { hasBeenUp: true }))
  const drained = (desired: number) => ids(steer({ ...deadlines, desired, max: 10, nodes, driven }).drain)
  expect(drained(4)).toEqual(['idle'])
  expect(drained(3)).toEqual(['idle', 'short'])
  expect(drained(0)).toEqual(['idle', 'short', 'long'])
})

test('demand that returns calls draining nodes back before it asks for new ones, those with the longest way to go first', () => {
  const draining = { state: 'draining', isRecallable: true } as const
  const nodes = [
    aNode('short', { ...draining, busyMs: 1000 }),
    aNode('long', { ...draining, busyMs: 90_000 }),
    aNode('drained', { ...draining, isDrained: true }),
    aNode('of an operator', { state: 'draining', busyMs: 90_000 }),
    aNode('stopping', { ...draining, busyMs: 90_000 }),
  ]
  const driven = nodes.map(({ id }) => aDriven(id, { hasBeenUp: true, isStopping: id === 'stopping' }))
  const planFor = (desired: number) => steer({ ...deadlines, desired, max: 10, nodes, driven })
  expect(planFor(0)).toMatchObject({ start: 0, recall: [], draining: 5 })
  expect(ids(planFor(1).recall)).toEqual(['long'])
  expect(planFor(3)).toMatchObject({ start: 1, ready: 2, draining: 3, drain: [] })
  expect(ids(planFor(3).recall)).toEqual(['long', 'short'])
})

test('of nodes that are on their way the last goes first, before any that is up', () => {
  const driven = [aDriven('first', { missingMs: 5000 }), aDriven('last', { missingMs: 10 }), aDriven('up')]
  const plan = steer({ ...deadlines, desired: 2, max: 10, nodes: [aNode('up')], driven })
  expect(plan.stop).toMatchObject([{ node: { id: 'last' }, why: 'not needed' }])
  expect(plan.drain).toEqual([])
})

test.each([
  [{ hasBeenUp: false, missingMs: 59_999 }, undefined, 0],
  [{ hasBeenUp: false, missingMs: 60_000 }, 'did not come up', 1],
  [{ hasBeenUp: true, missingMs: 39_999 }, undefined, 0],
  [{ hasBeenUp: true, missingMs: 40_000 }, 'lost', 1],
])('a node that is missing as %j is %s, and replaced by %d', (fields, why, start) => {
  const plan = steer({ ...deadlines, desired: 1, max: 1, nodes: [], driven: [aDriven('a', fields)] })
  expect(plan).toMatchObject({ start, stop: why ? [{ why }] : [] })
})

const anInput: fc.Arbitrary<SteerInput> = fc
  .record({
    desired: fc.nat(12),
    max: fc.nat(12),
    nodes: fc.array(
      fc.record({
        isOurs: fc.boolean(),
        isLive: fc.boolean(),
        isStopping: fc.boolean(),
        hasBeenUp: fc.boolean(),
        missingMs: fc.constantFrom(0, 50_000, 70_000),
        state: fc.constantFrom('ready' as const, 'draining' as const),
        isDrained: fc.boolean(),
        isRecallable: fc.boolean(),
        busyMs: fc.constantFrom(0, 1000, 100_000),
        tiers: fc.constantFrom(['small'], ['small', 'medium']),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ desired, max, nodes }) => ({
    ...{ ...deadlines, desired, max },
    nodes: nodes.flatMap(({ isLive, state, isDrained, isRecallable, busyMs, tiers }, i) =>
      isLive
        ? [
            aNode(String(i), {
              state,
              isDrained: state === 'draining' && isDrained,
              isRecallable,
              busyMs,
              tiers,
            }),
          ]
        : [],
    ),
    driven: nodes.flatMap(({ isOurs, isStopping, hasBeenUp, missingMs }, i) =>
      isOurs ? [aDriven(String(i), { isStopping, hasBeenUp, missingMs })] : [],
    ),
  }))

test('whatever is desired: no node with jobs is stopped, no more is asked for than desired and allowed, no more drained than are too many', () => {
  fc.assert(
    fc.property(anInput, (input) => {
      const plan = steer(input)
      const live = new Map(input.nodes.map((node) => [node.id, node]))
      for (const { node, why } of plan.stop) {
        const seen = live.get(node.id)
        if (seen) expect(seen).toMatchObject({ state: 'draining', isDrained: true })
        if (why === 'not needed') expect(node.hasBeenUp).toBe(false)
      }
      const ready = input.nodes.filter(({ state }) => state === 'ready').length
      const ours = new Set(ids(input.driven.filter(({ isStopping }) => !isStopping)))
      for (const node of plan.drain)
        expect(live.get(node.id)).toMatchObject({ state: 'ready', tiers: ['small'] })
      expect(ids(plan.drain).every((id) => ours.has(id))).toBe(true)

      expect(
        plan.start === 0 || (plan.drain.length === 0 && plan.ready + plan.starting < input.desired),
      ).toBe(true)
      expect(plan.ready + plan.starting + plan.start).toBeLessThanOrEqual(
        Math.max(input.desired, plan.ready + plan.starting),
      )
      if (plan.drain.length > 0) expect(plan.ready + plan.starting).toBeGreaterThanOrEqual(input.desired)
      expect(plan.ready).toBe(ready - plan.drain.length + plan.recall.length)
      for (const node of plan.recall)
        expect(live.get(node.id)).toMatchObject({ state: 'draining', isRecallable: true, isDrained: false })
      expect(ids(plan.recall).every((id) => ours.has(id))).toBe(true)
      expect(plan.recall.length === 0 || plan.ready + plan.starting <= input.desired).toBe(true)
      // Those that take up a machine until they are gone, and those that are asked for.
      const staying = input.driven.length - plan.stop.filter(({ why }) => why !== 'drained').length
      expect(plan.start === 0 || staying + plan.start <= input.max).toBe(true)
      // Idle ones before busy ones.
      const busiest = Math.max(0, ...plan.drain.map(({ id }) => live.get(id)?.busyMs ?? 0))
      const left = input.nodes.filter(
        ({ id, state, tiers }) =>
          ours.has(id) && state === 'ready' && tiers.length === 1 && !ids(plan.drain).includes(id),
      )
      if (plan.drain.length > 0) for (const { busyMs } of left) expect(busyMs).toBeGreaterThanOrEqual(busiest)
    }),
    { numRuns: 2000 },
  )
})
