import { expect, test } from '@jest/globals'
import { silentLogger } from '../../core/logger.ts'
import { gpuUseOf, makeNodeUseMeter } from '../../workers/node-use.ts'
import { cleanUp } from '../support/clean-up.ts'
import { waitFor } from '../support/wait-for.ts'

test('a node tells what share of its processors and memory is used, and nothing of GPUs that it does not have', async () => {
  const meter = makeNodeUseMeter({ cpus: 2, memoryMb: 100_000, gpus: 0, log: silentLogger })
  cleanUp(() => meter.stop())
  expect(meter.latest()).toEqual({ cpu: null, memory: null, gpu: null })
  await meter.start()
  await waitFor(() => meter.latest().memory !== null)
  const use = meter.latest()
  expect(use.gpu).toBeNull()
  expect(use.memory).toBeGreaterThan(0)
  expect(use.memory).toBeLessThan(0.5)
})

test.each([
  ['57\n3\n', 0.3],
  ['100\n[N/A]\n', 1],
  ['[N/A]\n', null],
  ['', null],
])('of %j GPUs are used to %j', (text, use) => {
  expect(gpuUseOf(text)).toBe(use)
})
