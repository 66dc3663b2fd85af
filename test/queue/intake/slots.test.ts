import { expect, test } from '@jest/globals'
import { noResources } from '../../../queue/domain/job.ts'
import { makeSlots, type SlotRequest } from '../../../queue/intake/slots.ts'

const patiently = (more: Partial<SlotRequest> = {}): SlotRequest => ({
  ...{ need: noResources, waitMs: 60_000, signal: new AbortController().signal },
  ...more,
})
const briefly = (more: Partial<SlotRequest> = {}): SlotRequest => patiently({ waitMs: 5, ...more })

const aNode = (slots: number) => makeSlots({ slots, cpus: 4, memoryMb: 4096, gpus: 2, gpuShares: 2 })

test('no more slots are out than there are, and who asked first gets the next one', async () => {
  const slots = aNode(1)
  const order: string[] = []
  const first = await slots.take(patiently())
  const second = slots.take(patiently()).then((grant) => (order.push('second'), grant))
  const third = slots.take(patiently()).then((grant) => (order.push('third'), grant))
  first?.release()
  first?.release() // giving back twice gives one slot
  ;(await second)?.release()
  ;(await third)?.release()
  expect(order).toEqual(['second', 'third'])
})

test('who waited too long, or does not want it any more, gets none and takes none away', async () => {
  const slots = aNode(1)
  const only = await slots.take(patiently())
  expect(await slots.take(briefly())).toBeNull()
  const leaving = new AbortController()
  const left = slots.take(patiently({ signal: leaving.signal }))
  leaving.abort()
  expect(await left).toBeNull()
  only?.release()
  expect(await slots.take(patiently())).not.toBeNull()
  expect(await slots.take(briefly({ signal: leaving.signal }))).toBeNull()
})

test('who asks for the node alone gets it when it is empty, and until then nobody who asks later gets anything', async () => {
  const slots = aNode(2)
  const first = await slots.take(patiently())
  const alone = slots.take(patiently({ isAlone: true }))
  expect(await slots.take(briefly())).toBeNull()
  first?.release()
  const grant = await alone
  expect(slots.holdFree().free.slots).toBe(0)
  grant?.release()
  expect(slots.holdFree().free.slots).toBe(2)
})

test('two who ask for the node alone get it one after the other, and one who waited too long keeps nothing', async () => {
  const slots = aNode(2)
  const [first, second] = [1, 2].map(() => slots.take(patiently({ isAlone: true })))
  const grant = await first
  expect(await slots.take(briefly({ isAlone: true }))).toBeNull()
  grant?.release()
  ;(await second)?.release()
  expect(slots.holdFree().free.slots).toBe(2)
})

test('who must wait for resources is overtaken by those who need less, but not more often than it bears', async () => {
  const slots = aNode(4)
  const half = await slots.take(patiently({ need: { ...noResources, cpu: 2 } }))
  const all = slots.take(patiently({ need: { ...noResources, cpu: 4 }, mostOvertakes: 2 }))
  const small = [await slots.take(briefly()), await slots.take(briefly())]
  expect(small).not.toContain(null)
  small[0]?.release()
  expect(await slots.take(briefly())).toBeNull() // there is room, but it is the other's turn
  small[1]?.release()
  half?.release()
  expect(await all).not.toBeNull()
})

test('when one that nobody may overtake gives up, those behind it get what is free', async () => {
  const slots = aNode(4)
  await slots.take(patiently({ need: { ...noResources, cpu: 2 } }))
  const all = slots.take(briefly({ need: { ...noResources, cpu: 4 }, mostOvertakes: 0 }))
  const behind = slots.take(patiently())
  expect(await all).toBeNull()
  expect(await behind).not.toBeNull()
})

test('what is held back for jobs that are not known yet goes to nobody else, and the rest is free afterwards', async () => {
  const slots = aNode(2)
  const held = slots.holdFree()
  expect(held.free).toEqual({ slots: 2, cpus: 4, memoryMb: 4096, gpus: 2 })
  const other = slots.take(patiently())
  const mine = held.take({ ...noResources, gpu: 1 })
  expect(mine?.gpus).toEqual([0])
  held.end()
  expect((await other)?.gpus).toEqual([])
  expect(await slots.take(briefly())).toBeNull()
})
