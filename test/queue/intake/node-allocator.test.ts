import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { noResources, type Resources } from '../../../queue/domain/job.ts'
import {
  type Allocation,
  makeNodeAllocator,
  type NodeCapacity,
} from '../../../queue/intake/node-allocator.ts'

const capacities: fc.Arbitrary<NodeCapacity> = fc.record({
  slots: fc.integer({ min: 1, max: 12 }),
  cpus: fc.integer({ min: 1, max: 64 }).map((quarters) => quarters / 4),
  memoryMb: fc.integer({ min: 64, max: 8192 }),
  gpus: fc.integer({ min: 0, max: 4 }),
  gpuShares: fc.integer({ min: 1, max: 8 }),
})

const needs: fc.Arbitrary<Resources> = fc.record({
  cpu: fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 8, noNaN: true })),
  memoryMb: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4096 })),
  gpu: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 4 }),
    fc.double({ min: 0.01, max: 0.99, noNaN: true }),
  ),
})

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ need: needs, isAlone: fc.boolean() }) },
    { weight: 2, arbitrary: fc.nat() },
  ),
  { maxLength: 80 },
)

test('whatever comes and goes, a node is never overbooked, and no GPU is held by more than may share it', () => {
  fc.assert(
    fc.property(capacities, steps, (capacity, mix) => {
      const node = makeNodeAllocator(capacity)
      const empty = node.free()
      const out: { allocation: Allocation; need: Resources; isAlone: boolean }[] = []
      for (const step of mix) {
        if (typeof step === 'number') {
          const [gone] = out.splice(step % Math.max(1, out.length), 1)
          if (gone) node.giveBack(gone.allocation)
          continue
        }
        const isEmpty = out.length === 0
        const allocation = node.take(step.need, step.isAlone)
        if (allocation) out.push({ allocation, ...step })
        if (isEmpty) expect(allocation !== null).toBe(node.canEverFit(step.need))
        expectNoOverbooking(capacity, out)
      }
      for (const { allocation } of out) node.giveBack(allocation)
      expect(node.free()).toEqual(empty)
    }),
    { numRuns: 500 },
  )
})

function expectNoOverbooking(
  capacity: NodeCapacity,
  out: { allocation: Allocation; need: Resources; isAlone: boolean }[],
): void {
  const sum = (of: (allocation: Allocation) => number): number =>
    out.reduce((total, { allocation }) => total + of(allocation), 0)
  expect(sum(({ slots }) => slots)).toBeLessThanOrEqual(capacity.slots)
  expect(sum(({ milliCpus }) => milliCpus)).toBeLessThanOrEqual(capacity.cpus * 1000)
  expect(sum(({ memoryMb }) => memoryMb)).toBeLessThanOrEqual(capacity.memoryMb)
  if (out.some(({ isAlone }) => isAlone)) expect(out).toHaveLength(1)
  for (let gpu = 0; gpu < capacity.gpus; gpu++) {
    const holders = out.filter(({ allocation }) => allocation.gpus.includes(gpu))
    const shares = holders.reduce((total, { allocation }) => total + allocation.sharesOfEach, 0)
    expect(shares).toBeLessThanOrEqual(capacity.gpuShares)
    if (holders.some(({ need }) => need.gpu >= 1)) expect(holders).toHaveLength(1)
  }
  for (const { allocation, need } of out) {
    expect(allocation.gpus).toHaveLength(Math.ceil(need.gpu))
    expect(new Set(allocation.gpus).size).toBe(allocation.gpus.length)
    if (need.gpu < 1)
      expect(allocation.sharesOfEach / capacity.gpuShares).toBeGreaterThanOrEqual(need.gpu - 1e-6)
    expect(allocation.milliCpus).toBeGreaterThanOrEqual(Math.round(need.cpu * 1000))
    expect(allocation.memoryMb).toBeGreaterThanOrEqual(need.memoryMb)
  }
}

test('jobs that ask for nothing fill exactly the slots, also when the node does not divide evenly', () => {
  const node = makeNodeAllocator({ slots: 7, cpus: 2, memoryMb: 1000, gpus: 0, gpuShares: 1 })
  for (let n = 0; n < 7; n++) expect(node.take(noResources)).not.toBeNull()
  expect(node.take(noResources)).toBeNull()
})

test('a fraction of a GPU goes where others have one already, so that whole ones stay free', () => {
  const node = makeNodeAllocator({ slots: 9, cpus: 9, memoryMb: 900, gpus: 2, gpuShares: 4 })
  const parts = [0.25, 0.3, 0.25].map((gpu) => node.take({ ...noResources, gpu }))
  expect(parts.map((part) => part?.gpus)).toEqual([[0], [0], [0]]) // 0.3 takes two quarters
  expect(node.take({ ...noResources, gpu: 1 })?.gpus).toEqual([1])
  expect(node.take({ ...noResources, gpu: 0.25 })).toBeNull()
})
