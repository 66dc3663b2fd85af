import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  makeServiceTimes,
  meanSeconds,
  observe,
  quantileSeconds,
  remainingBy,
  usualRemainingSeconds,
} from '../../../../queue/domain/scaling/service-times.ts'

const seen = (lengths: Record<string, readonly number[]>) => {
  const times = makeServiceTimes()
  for (const [task, all] of Object.entries(lengths)) for (const seconds of all) observe(times, task, seconds)
  return times
}
const many = (count: number, of: (n: number) => number): number[] =>
  Array.from({ length: count }, (_, n) => of(n))

test('mean and quantiles of a task that is known well are its own', () => {
  const times = seen({ short: many(2000, () => 0.1), spread: many(2000, (n) => (n % 100) + 1) })
  expect(meanSeconds(times, 'spread')).toBeCloseTo(50, -1)
  // Buckets are a quarter wide.
  expect(quantileSeconds(times, 'spread', 0.5)).toBeGreaterThan(40)
  expect(quantileSeconds(times, 'spread', 0.5)).toBeLessThan(62)
  expect(quantileSeconds(times, 'spread', 0.95)).toBeGreaterThan(76)
})

test('a task of which little is known is taken to be as the others of its tier, less so with each job', () => {
  const common = many(500, () => 10)
  const unseen = meanSeconds(seen({ common }), 'new')
  const once = meanSeconds(seen({ common, new: [1000] }), 'new')
  const often = meanSeconds(seen({ common, new: many(200, () => 1000) }), 'new')
  expect(unseen).toBeCloseTo(10)
  expect(once).toBeGreaterThan(50)
  expect(once).toBeLessThan(200)
  expect(often).toBeGreaterThan(900)
})

test('what is left of a job shrinks as it runs where all take as long, and grows where the long ones remain', () => {
  const equal = remainingBy(seen({ equal: many(500, () => 100) }), 'equal')
  expect(equal(0)).toBeGreaterThan(85)
  expect(equal(60)).toBeLessThan(60)
  const mixed = remainingBy(seen({ mixed: many(500, (n) => (n % 10 === 0 ? 1000 : 1)) }), 'mixed')
  expect(mixed(0)).toBeLessThan(150)
  expect(mixed(5)).toBeGreaterThan(800)
  expect(mixed(50_000)).toBe(50_000)
})

test('at any time a job of equal ones has half its time left', () => {
  expect(usualRemainingSeconds(seen({ equal: many(2000, () => 100) }), 'equal')).toBeCloseTo(50, -1)
})

test('all estimates are numbers above 0, whatever was observed', () => {
  const lengths = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { maxLength: 50 })
  fc.assert(
    fc.property(lengths, fc.double({ min: 0, max: 1e7, noNaN: true }), (all, age) => {
      const times = seen({ some: all })
      for (const task of ['some', 'other']) {
        for (const estimate of [
          meanSeconds(times, task),
          quantileSeconds(times, task, 0.9),
          remainingBy(times, task)(age),
          usualRemainingSeconds(times, task),
        ]) {
          expect(Number.isFinite(estimate)).toBe(true)
          expect(estimate).toBeGreaterThanOrEqual(0)
        }
      }
    }),
  )
})

test('what is forgotten makes room: a task that became slow is known to be', () => {
  const times = seen({ task: many(20_000, () => 1) })
  many(2000, () => 100).forEach((seconds) => observe(times, 'task', seconds))
  expect(meanSeconds(times, 'task')).toBeGreaterThan(95)
})
