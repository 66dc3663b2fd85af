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

test('who asks for all slots gets them when all are free, and until then nobody who asks later gets one', async () => {
  const slots = makeSlots(2)
  const first = await slots.take(patiently())
  const all = slots.takeAll(patiently())
  await new Promise(setImmediate)
  expect(await slots.take({ waitMs: 5, signal: new AbortController().signal })).toBeNull()
  first?.()
  const release = await all
  expect(slots.takeFree()).toHaveLength(0)
  release?.()
  expect(slots.takeFree()).toHaveLength(2)
})

test('two who ask for all slots get them one after the other, and one who waited too long keeps none', async () => {
  const slots = makeSlots(2)
  const [first, second] = [slots.takeAll(patiently()), slots.takeAll(patiently())]
  const release = await first
  expect(
    await slots.takeAll({ waitMs: 5, signal: new AbortController().signal }).then((all) => all ?? 'none'),
  ).toBe('none')
  release?.()
  ;(await second)?.()
  expect(slots.takeFree()).toHaveLength(2)
})
