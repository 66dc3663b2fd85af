import { expect, test } from '@jest/globals'
import { makeTokenBucket } from '../../core/token-bucket.ts'

test('a burst passes at once, and what is more than the rate waits for as long as its tokens take', () => {
  let nowMs = 0
  const bucket = makeTokenBucket({ perSecond: 1000, burst: 500, nowMs: () => nowMs })
  expect(bucket.take(500)).toBe(0)
  expect(bucket.take(100)).toBe(100)
  nowMs = 100
  expect(bucket.take(100)).toBe(100)
  nowMs = 300
  expect(bucket.take(100)).toBe(0)
  nowMs = 60_000 // what was not taken in time is not saved up
  expect(bucket.take(600)).toBe(100)
})
