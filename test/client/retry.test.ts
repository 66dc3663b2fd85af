import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { startDeadline, sleep } from '../../client/src/deadline.ts'
import { connectionError, readRetryAfter } from '../../client/src/noodle-error.ts'
import { retryDelayMs, startPatience, toRetryPolicy } from '../../client/src/retry.ts'

test('a wait is between what the gateway asked for and that plus a ceiling, which doubles up to its cap', () => {
  const fields = {
    failures: fc.integer({ min: 1, max: 2000 }),
    baseMs: fc.integer({ min: 0, max: 10_000 }),
    capMs: fc.integer({ min: 0, max: 60_000 }),
    asked: fc.integer({ min: 0, max: 100_000 }),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }
  fc.assert(
    fc.property(fc.record(fields), ({ failures, baseMs, capMs, asked, at }) => {
      const waitMs = retryDelayMs(
        failures,
        toRetryPolicy({ baseMs, capMs }, () => at),
        asked,
      )
      expect(waitMs).toBeGreaterThanOrEqual(asked)
      const ceilingMs = baseMs === 0 ? 0 : Math.min(capMs, baseMs * 2 ** (failures - 1))
      expect(waitMs).toBeLessThanOrEqual(asked + ceilingMs)
    }),
  )
})

test('Retry-After is read as seconds and as a date, and nothing else', () => {
  const nowMs = Date.parse('2026-11-27T12:00:00Z')
  expect(readRetryAfter('3', nowMs)).toBe(3000)
  expect(readRetryAfter('Fri, 27 Nov 2026 12:00:05 GMT', nowMs)).toBe(5000)
  expect(readRetryAfter('Fri, 27 Nov 2026 11:00:00 GMT', nowMs)).toBe(0)
  for (const header of [null, '', 'soon', '-1', '1e3s']) expect(readRetryAfter(header, nowMs)).toBeUndefined()
})

test('patience ends where the next try would come too late, and at once for what does not pass', async () => {
  const patience = startPatience(toRetryPolicy({ forMs: 1000, baseMs: 1, capMs: 1 }))
  await patience.pause(connectionError('network', 'cut'))
  const late = connectionError('network', 'cut')
  await expect(patience.pause(late, 1500)).rejects.toBe(late)
  const final = connectionError('not-noodle', 'another server')
  await expect(patience.pause(final)).rejects.toBe(final)
})

test('options that can not be are refused with their names', () => {
  expect(() => toRetryPolicy({ baseMs: -1 })).toThrow('retry.baseMs must be 0 or more, in ms; it is -1.')
  expect(() => toRetryPolicy({ forMs: NaN })).toThrow('retry.forMs')
})

test('a sleep ends with the reason of its signal, and a deadline with that of the outer one', async () => {
  const outer = new AbortController()
  const deadline = startDeadline(60_000, outer.signal)
  const sleeping = sleep(60_000, deadline.signal)
  outer.abort('enough')
  await expect(sleeping).rejects.toBe('enough')
  expect(deadline.isOver()).toBe(false)
  deadline.clear()
})
