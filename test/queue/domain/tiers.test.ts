import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { QueueError } from '../../../queue/domain/errors.ts'
import { escalate, requirements, routeToTier, type Tier } from '../../../queue/domain/tiers.ts'

const table: Tier[] = [
  { name: 'small', cpu: 2, memoryMb: 4096, gpu: 0 },
  { name: 'medium', cpu: 4, memoryMb: 8192, gpu: 1 },
  { name: 'heavy', cpu: 8, memoryMb: 16_384, gpu: 2 },
]
const resources = fc.record(
  {
    cpu: fc.integer({ min: 1, max: 10 }),
    memoryMb: fc.integer({ min: 1, max: 20_000 }),
    gpu: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: [] },
)

test('a job that asks for nothing is light, and a requirement names its tier', () => {
  expect(routeToTier(table, {}).name).toBe('small')
  expect(requirements.map((requirement) => routeToTier(table, { requirement }).name)).toEqual([
    'small',
    'medium',
    'heavy',
  ])
})

test('resources go to the smallest tier that fits them; what fits none is refused with the largest and each field that is too much', () => {
  fc.assert(
    fc.property(resources, (need) => {
      const fits = (tier: Tier) =>
        (need.cpu ?? 0) <= tier.cpu && (need.memoryMb ?? 0) <= tier.memoryMb && (need.gpu ?? 0) <= tier.gpu
      const smallest = table.find(fits)
      if (smallest) {
        expect(routeToTier(table, { resources: need })).toBe(smallest)
        return
      }
      try {
        routeToTier(table, { resources: need })
        throw new Error('It was routed.')
      } catch (error) {
        expect(error).toMatchObject({
          code: 'NO_TIER_FITS',
          message: expect.stringContaining('heavy (8 cpu, 16384 MiB, 2 gpu)'),
        })
        expect((error as QueueError).fields.length).toBeGreaterThan(0)
      }
    }),
  )
})

test('a requirement whose tier lacks the resources is refused, for the job could not run there', () => {
  expect(() => routeToTier(table, { requirement: 'light', resources: { gpu: 1 } })).toThrow(
    /tier small .* does not have 1 gpu/,
  )
})

test('a requirement whose tier is not configured is refused with those that are', () => {
  expect(() => routeToTier(table.slice(0, 2), { requirement: 'heavy' })).toThrow(
    /heavy, which is not configured; the tiers are small, medium/,
  )
})

const noNodes = (): undefined => undefined

test('a job that ran out of memory goes on in a later tier that has all that it asks for, with more memory, which a node there has', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...table),
      resources,
      fc.integer({ min: 1, max: 20_000 }),
      fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined }),
      (own, asked, limitMb, nodeMb) => {
        const job = { tier: own.name, resources: { cpu: 0, memoryMb: 0, gpu: 0, ...asked }, limitMb }
        const escalation = escalate(table, job, () => nodeMb)
        const later = table.slice(table.indexOf(own) + 1)
        const fitting = later.filter(
          (tier) =>
            tier.cpu >= job.resources.cpu &&
            tier.gpu >= job.resources.gpu &&
            tier.memoryMb >= job.resources.memoryMb &&
            (nodeMb ?? tier.memoryMb) > limitMb,
        )
        expect(escalation?.tier).toBe(fitting[0]?.name)
        if (!escalation) return
        expect(escalation.memoryMb).toBeGreaterThan(limitMb)
        expect(escalation.memoryMb).toBeLessThanOrEqual(2 * limitMb)
        expect(escalation.memoryMb).toBeLessThanOrEqual(nodeMb ?? fitting[0]?.memoryMb ?? 0)
      },
    ),
  )
})

test('there is nothing larger than the last tier, and a later tier with no more memory is passed over', () => {
  const asked = { resources: { cpu: 0, memoryMb: 0, gpu: 0 }, limitMb: 512 }
  expect(escalate(table, { ...asked, tier: 'heavy' }, noNodes)).toBeNull()
  expect(escalate(table, { ...asked, tier: 'gone' }, noNodes)).toBeNull()
  const withSameMemory = [table[0], { name: 'fast', cpu: 4, memoryMb: 4096, gpu: 0 }, table[2]].filter(
    (tier) => tier !== undefined,
  )
  expect(escalate(withSameMemory, { ...asked, tier: 'small' }, noNodes)?.tier).toBe('heavy')
})
