import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  deliveriesWanted,
  deliverySize,
  refillAfterMs,
  windowSize,
} from '../../../queue/domain/dispatch-window.ts'

const rate = fc.double({ min: 0, max: 100_000, noNaN: true })
const slots = fc.integer({ min: 0, max: 10_000 })

test('the window holds at least two jobs a slot and what drains in a second, and never more than the limit', () => {
  fc.assert(
    fc.property(slots, rate, fc.integer({ min: 1, max: 100_000 }), (count, drainPerSecond, limit) => {
      const window = windowSize({ slots: count, drainPerSecond, limit })
      expect(window).toBeLessThanOrEqual(limit)
      expect(window).toBeGreaterThanOrEqual(Math.min(limit, Math.max(1, 2 * count, drainPerSecond)))
    }),
  )
})

test('it is filled up before it is empty', () => {
  fc.assert(
    fc.property(slots, rate, (count, drainPerSecond) => {
      const window = windowSize({ slots: count, drainPerSecond, limit: 1_000_000 })
      const drained = (refillAfterMs({ window, drainPerSecond }) / 1000) * drainPerSecond
      expect(drained).toBeLessThan(window / 2)
    }),
  )
})

test('a delivery is about a tenth of a second of work and at most 128 jobs, and 5 ms of work while slots may be free', () => {
  const sizes = [0, 0.5, 3.1, 10, 50, 60, 99, 5000].map((serviceMs) => deliverySize(serviceMs))
  expect(sizes.map(({ most }) => most)).toEqual([128, 128, 32, 10, 2, 1, 1, 1])
  expect(sizes.map(({ brief }) => brief)).toEqual([50, 10, 1, 1, 1, 1, 1, 1])
})

test('jobs travel alone while slots may be free', () => {
  expect(deliveriesWanted({ slots: 10, queued: 0 })).toBe(20)
  expect(deliveriesWanted({ slots: 10, queued: 15 })).toBe(5)
  expect(deliveriesWanted({ slots: 10, queued: 40 })).toBe(1)
  expect(deliveriesWanted({ slots: 0, queued: 0 })).toBe(1)
})
