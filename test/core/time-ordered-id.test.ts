import { expect, test } from '@jest/globals'
import { validate, version } from 'uuid'
import { makeTimeOrderedIds } from '../../core/time-ordered-id.ts'

test('ids are UUIDv7 and each is greater than the one before, within a millisecond and when the clock steps back', () => {
  let nowMs = 1_700_000_000_000
  const newId = makeTimeOrderedIds(() => nowMs)
  const ids = Array.from({ length: 5000 }, (_, i) => {
    if (i === 2000) nowMs += 1
    if (i === 3000) nowMs -= 60_000
    return newId()
  })
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true)
  expect([...new Set(ids)].sort()).toEqual(ids)
})

test('two sources give no id twice', () => {
  const [one, other] = [makeTimeOrderedIds(() => 1), makeTimeOrderedIds(() => 1)]
  const ids = Array.from({ length: 1000 }, () => [one(), other()]).flat()
  expect(new Set(ids).size).toBe(2000)
})
