import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { maxBackoffMs, retryDelayMs } from '../../../queue/domain/retry-policy.ts'

const policy = fc.record({
  maxAttempts: fc.constant(3),
  backoffMs: fc.integer({ min: 0, max: maxBackoffMs }),
  strategy: fc.constantFrom('fixed' as const, 'exponential' as const),
})

test('a wait is never negative and never past ten minutes, after any number of failures', () => {
  fc.assert(
    fc.property(
      policy,
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (one, failures, random) => {
        const delayMs = retryDelayMs(one, failures, () => random)
        expect(delayMs).toBeGreaterThanOrEqual(0)
        expect(delayMs).toBeLessThanOrEqual(maxBackoffMs)
      },
    ),
  )
})

test('exponential waits are spread over the whole range up to a ceiling that doubles; fixed ones are all the same', () => {
  const exponential = { maxAttempts: 9, backoffMs: 100, strategy: 'exponential' as const }
  expect([1, 2, 3, 4].map((failures) => retryDelayMs(exponential, failures, () => 1))).toEqual([
    100, 200, 400, 800,
  ])
  expect([1, 2, 3, 4].map((failures) => retryDelayMs(exponential, failures, () => 0))).toEqual([0, 0, 0, 0])
  expect([1, 9].map((failures) => retryDelayMs({ ...exponential, strategy: 'fixed' }, failures))).toEqual([
    100, 100,
  ])
})
