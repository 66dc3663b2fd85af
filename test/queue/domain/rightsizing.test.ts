import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { advise, type TaskUse } from '../../../queue/domain/rightsizing.ts'

const aUse = (fields: Partial<TaskUse> = {}): TaskUse => ({
  ...{ tier: 'small', task: 'resize', asked: { cpu: 1, memoryMb: 1024, gpu: 0 }, jobs: 100 },
  ...{ cpu: 0.8, memoryMb: 800, seconds: 10 },
  ...fields,
})

test.each([
  [{}, 'fits'],
  [{ jobs: 19 }, 'too few jobs'],
  [{ cpu: 0.2, memoryMb: 200 }, 'asks too much'],
  [{ memoryMb: 1100 }, 'asks too little'],
  [{ cpu: 0.2, memoryMb: 1100 }, 'asks too little'],
  [{ asked: { cpu: 0, memoryMb: 0, gpu: 0 } }, 'asks for nothing'],
  [{ cpu: null, memoryMb: null }, 'fits'],
])('jobs as %j: %s', (fields, verdict) => {
  expect(advise(aUse(fields)).verdict).toBe(verdict)
})

test('what is recommended is enough for 95 of 100, and what it spares is told per job', () => {
  const { recommended, saving } = advise(aUse({ cpu: 0.2, memoryMb: 200 }))
  expect(recommended).toEqual({ cpu: 0.3, memoryMb: 256 })
  expect(saving.cpuSeconds).toBeCloseTo(7)
  expect(saving.memoryMbSeconds).toBeCloseTo(7680)
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 64, noNaN: true }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      (cpu, memoryMb) => {
        const { recommended: better } = advise(aUse({ cpu, memoryMb }))
        expect(better.cpu ?? 0).toBeGreaterThanOrEqual(cpu)
        expect(better.memoryMb ?? 0).toBeGreaterThanOrEqual(memoryMb)
      },
    ),
  )
})
