import { expect, test } from '@jest/globals'
import { makeSlots } from '../../workers/slots.ts'

const patiently = () => ({ waitMs: 60_000, signal: new AbortController().signal })

test('no more slots are out than there are, and who asked first gets the next one', async () => {
  const slots = makeSlots(1)
  const order: string[] = []
  const first = await slots.take(patiently())
  const second = slots.take(patiently()).then((release) => (order.push('second'), release))
  const third = slots.take(patiently()).then((release) => (order.push('third'), release))
  first?.()
  first?.() // giving back twice gives one slot
  ;(await second)?.()
  ;(await third)?.()
  expect(order).toEqual(['second', 'third'])
})

test('who waited too long, or does not want it any more, gets none and takes none away', async () => {
  const slots = makeSlots(1)
  const only = await slots.take(patiently())
  expect(await slots.take({ waitMs: 5, signal: new AbortController().signal })).toBeNull()
  const leaving = new AbortController()
  const left = slots.take({ waitMs: 60_000, signal: leaving.signal })
  leaving.abort()
  expect(await left).toBeNull()
  only?.()
  expect(await slots.take(patiently())).not.toBeNull()
  expect(await slots.take({ waitMs: 0, signal: leaving.signal })).toBeNull()
})
