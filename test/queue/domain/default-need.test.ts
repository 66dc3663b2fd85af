import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { defaultNeed, type DefaultUse } from '../../../queue/domain/rightsizing.ts'

const small = { name: 'small', cpu: 2, memoryMb: 4096, gpu: 0 }
const used: DefaultUse = {
  ...{ tier: 'small', task: 'resize', jobs: 100, lackedMemory: false },
  ...{ cpu: 0.41, memoryMb: 300, mostMemoryMb: 350 },
}

test('a job is given what 95 of 100 used and a fifth more, of memory what the largest did', () => {
  expect(defaultNeed(used, {}, small)).toEqual({ cpu: 0.5, memoryMb: 448, gpu: 0 })
  expect(defaultNeed({ ...used, mostMemoryMb: 900 }, {}, small)).toMatchObject({ memoryMb: 1088 })
})

test('where jobs ran out of memory, or few have run, nothing is made of it', () => {
  expect(defaultNeed({ ...used, lackedMemory: true }, {}, small)).toEqual({ cpu: 0.5, memoryMb: 0, gpu: 0 })
  expect(defaultNeed({ ...used, jobs: 19 }, {}, small)).toBeNull()
  expect(defaultNeed({ ...used, cpu: null, memoryMb: null, mostMemoryMb: null }, {}, small)).toBeNull()
})

test('it is never below what the task declares, nor above what the tier has', () => {
  const amount = fc.double({ min: 0, max: 10_000, noNaN: true })
  fc.assert(
    fc.property(
      fc.option(fc.double({ min: 0, max: 64, noNaN: true })),
      fc.option(amount),
      fc.boolean(),
      fc.record({
        cpu: fc.double({ min: 0, max: 2, noNaN: true }),
        memoryMb: fc.integer({ min: 0, max: 4096 }),
      }),
      (cpu, memoryMb, lackedMemory, declared) => {
        const need = defaultNeed(
          { ...used, cpu, memoryMb, mostMemoryMb: memoryMb, lackedMemory },
          declared,
          small,
        )
        if (!need) return
        expect(need.cpu).toBeGreaterThanOrEqual(declared.cpu)
        expect(need.memoryMb).toBeGreaterThanOrEqual(declared.memoryMb)
        expect(need.cpu).toBeLessThanOrEqual(small.cpu)
        expect(need.memoryMb).toBeLessThanOrEqual(small.memoryMb)
      },
    ),
  )
})
