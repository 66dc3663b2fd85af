import { expect, test } from '@jest/globals'
import { makeBatch, OverloadError } from '../../core/batch.ts'
import { waitFor } from '../support/wait-for.ts'

/** A write that ends when the test says so. */
function heldWrites() {
  const rounds: { items: number[]; end: () => void }[] = []
  const write = (items: number[]) =>
    new Promise<number[]>((resolve) =>
      rounds.push({ items, end: () => resolve(items.map((item) => item * 10)) }),
    )
  return { rounds, write }
}

test('what comes in the same turn goes together; what arrives while a write is in flight goes in the next one', async () => {
  const { rounds, write } = heldWrites()
  const batch = makeBatch({ write })
  const first = Promise.all([1, 2].map((item) => batch.add(item)))
  await waitFor(() => rounds.length === 1)
  const second = Promise.all([3, 4].map((item) => batch.add(item)))
  expect(rounds.map((round) => round.items)).toEqual([[1, 2]])
  rounds[0]?.end()
  await waitFor(() => rounds.length === 2)
  expect(rounds[1]?.items).toEqual([3, 4])
  rounds[1]?.end()
  expect(await Promise.all([first, second])).toEqual([
    [10, 20],
    [30, 40],
  ])
})

test('a write is never larger than the limit, and no more are in flight than allowed', async () => {
  const { rounds, write } = heldWrites()
  const batch = makeBatch({ write, maxItems: 2, maxInFlight: 2 })
  const results = Promise.all([1, 2, 3, 4, 5, 6].map((item) => batch.add(item)))
  await waitFor(() => rounds.length === 2)
  expect(rounds.map((round) => round.items)).toEqual([
    [1, 2],
    [3, 4],
  ])
  rounds[1]?.end()
  await waitFor(() => rounds.length === 3)
  expect(rounds[2]?.items).toEqual([5, 6])
  rounds[0]?.end()
  rounds[2]?.end()
  expect(await results).toEqual([10, 20, 30, 40, 50, 60])
  await batch.idle()
  expect(rounds).toHaveLength(3)
})

test('a small write waits for a small one, but for no large one, and a large one for none', async () => {
  const { rounds, write } = heldWrites()
  const batch = makeBatch({ write, maxInFlight: 2, smallBelow: 3 })
  const items = (): number[][] => rounds.map((round) => round.items)
  const results = [batch.add(1)]
  await waitFor(() => rounds.length === 1)
  results.push(batch.add(2))
  await new Promise((resolve) => setImmediate(resolve))
  expect(items()).toEqual([[1]])
  results.push(batch.add(3), batch.add(4)) // three by now
  await waitFor(() => rounds.length === 2)
  expect(items()).toEqual([[1], [2, 3, 4]])
  rounds[0]?.end()
  await results[0]
  results.push(batch.add(5)) // beside the large one
  await waitFor(() => rounds.length === 3)
  expect(items()).toEqual([[1], [2, 3, 4], [5]])
  for (const { end } of rounds) end()
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50])
})

test('an item that breaks its write fails alone; its neighbours are written', async () => {
  const isBad = new Error('bad item')
  const written: number[][] = []
  const none = (): void => undefined
  let first = none
  const batch = makeBatch<number, number>({
    async write(items) {
      if (items[0] === 0) await new Promise<void>((resolve) => (first = resolve))
      if (items.includes(13)) throw isBad
      written.push(items)
      return items
    },
    isItemFault: (error) => error === isBad,
  })
  const blocker = batch.add(0)
  await waitFor(() => first !== none)
  const outcomes = Promise.allSettled([11, 12, 13, 14].map((item) => batch.add(item)))
  first()
  await blocker
  expect((await outcomes).map((outcome) => outcome.status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(written.flat().sort()).toEqual([0, 11, 12, 14].sort())
})

test('when the store is at fault, all of the write fail and none is tried again', async () => {
  let writes = 0
  const batch = makeBatch<number, number>({
    write() {
      writes++
      return Promise.reject(new Error('gone'))
    },
  })
  const outcomes = await Promise.allSettled([batch.add(1), batch.add(2), batch.add(3)])
  expect(outcomes.every((outcome) => outcome.status === 'rejected')).toBe(true)
  expect(writes).toBe(1)
})

test('past its limit of waiting items it refuses at once', async () => {
  const { rounds, write } = heldWrites()
  const batch = makeBatch({ write, maxWaiting: 2 })
  const kept = [batch.add(1)]
  await waitFor(() => rounds.length === 1)
  kept.push(batch.add(2), batch.add(3))
  await expect(batch.add(4)).rejects.toThrow(OverloadError)
  rounds[0]?.end()
  await waitFor(() => rounds.length === 2)
  rounds[1]?.end()
  expect(await Promise.all(kept)).toEqual([10, 20, 30])
  await batch.idle()
})

test('an eager batch writes its first item within the call, and what comes meanwhile together', async () => {
  const writes: number[][] = []
  const batch = makeBatch<number, number>({
    write(items) {
      writes.push(items)
      return Promise.resolve(items)
    },
    isEager: true,
  })
  const first = batch.add(1)
  expect(writes).toEqual([[1]])
  await Promise.all([first, batch.add(2), batch.add(3)])
  expect(writes).toEqual([[1], [2, 3]])
})

test('it is crowded from four fifths of what may wait, and no more when that is written', async () => {
  const { rounds, write } = heldWrites()
  const batch = makeBatch({ write, maxItems: 5, maxWaiting: 5 })
  const first = batch.add(0)
  await waitFor(() => rounds.length === 1)
  const results = [1, 2, 3].map((item) => batch.add(item))
  expect(batch.isCrowded()).toBe(false)
  results.push(batch.add(4))
  expect(batch.isCrowded()).toBe(true)
  rounds[0]?.end()
  await waitFor(() => rounds.length === 2)
  expect(batch.isCrowded()).toBe(false)
  rounds[1]?.end()
  expect(await Promise.all([first, ...results])).toEqual([0, 10, 20, 30, 40])
})
