import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Resources } from '../../queue/domain/job.ts'
import { openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { aFolder, aScript } from './a-run.ts'
import { startInnerWorker } from './an-inner-worker.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

const need = (more: Partial<Resources>): Resources => ({ cpu: 0, memoryMb: 0, gpu: 0, ...more })

test('jobs run beside each other as far as what they ask for fits, and the others are queued until it does', async () => {
  const { deps } = await openTestQueue()
  await startInnerWorker(deps, { concurrency: 8, capacity: { cpus: 4, memoryMb: 4096 } })
  const sleep = (ms: number, resources: Resources) =>
    submit(deps, { task: 'sleep', payload: { ms }, resources, priority: 9 })
  const large = await sleep(60_000, need({ cpu: 3 }))
  await dispatchUntil(deps, async () => (await stateOf(deps, large)) === 'running')
  const tooLarge = await sleep(60_000, need({ cpu: 2 }))
  const light = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, light)) === 'succeeded')
  expect(await stateOf(deps, tooLarge)).toBe('queued')
})

test('a job that asks for more than the node has holds nobody up', async () => {
  const { deps } = await openTestQueue()
  const small = await startInnerWorker(deps, { concurrency: 1, capacity: { cpus: 4, memoryMb: 4096 } })
  const never = await submit(deps, { resources: need({ memoryMb: 5000 }), priority: 9 })
  const light = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, light)) === 'succeeded')
  expect(await stateOf(deps, never)).toBe('queued')
  await small.loop.stop()
  await startInnerWorker(deps, { concurrency: 1, capacity: { cpus: 4, memoryMb: 5000 } })
  await dispatchUntil(deps, async () => (await stateOf(deps, never)) === 'succeeded')
})

test('a random mix of commands never overlaps on a GPU, and never holds more than the node has', async () => {
  const stores = await openTestQueue()
  const { deps } = stores
  const capacity = { cpus: 6, memoryMb: 6000 }
  const gpuIds = ['2', 'GPU-5a', '11']
  await startWorker(stores, {
    ...{ TIER: 'heavy', CONCURRENCY: '8', NODE_GPU_SHARES: '2' },
    ...{ NODE_CPUS: '6', NODE_MEMORY_MB: '6000', NODE_GPU_IDS: gpuIds.join(',') },
  }).ready
  const log = join(aFolder(), 'log')
  const script = `echo "+ $NOODLE_JOB_ID $NOODLE_GPUS/$CUDA_VISIBLE_DEVICES" >> ${log}; sleep 0.0$(($$ % 10)); echo "- $NOODLE_JOB_ID" >> ${log}`
  const asked = new Map<string, Resources>()
  for (const resources of fc.sample(mix, { numRuns: 30, seed: 5 }))
    asked.set(
      await submit(deps, { task: 'command', tier: 'heavy', payload: aScript(script), resources }),
      resources,
    )
  const states = () => Promise.all([...asked.keys()].map((id) => stateOf(deps, id)))
  await dispatchUntil(deps, async () => (await states()).every((state) => state === 'succeeded'))

  const running = new Map<string, { gpus: string[]; need: Resources }>()
  let most = 0
  for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
    const [sign, id = '', own = ''] = line.split(' ')
    if (sign === '-') running.delete(id)
    else {
      const [gpus = '', visible] = own.split('/')
      expect(visible).toBe(gpus)
      running.set(id, { gpus: gpus.split(',').filter(Boolean), need: asked.get(id) ?? need({}) })
    }
    const all = [...running.values()]
    most = Math.max(most, all.length)
    const total = (of: (need: Resources) => number) => all.reduce((sum, run) => sum + of(run.need), 0)
    expect(total(({ cpu }) => cpu || capacity.cpus / 8)).toBeLessThanOrEqual(capacity.cpus)
    expect(total(({ memoryMb }) => memoryMb || capacity.memoryMb / 8)).toBeLessThanOrEqual(capacity.memoryMb)
    for (const { gpus, need } of all) expect(gpus).toHaveLength(Math.ceil(need.gpu))
    for (const gpu of gpuIds) {
      const shares = all.filter((run) => run.gpus.includes(gpu)).map((run) => Math.min(1, run.need.gpu))
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(1)
    }
    expect(all.flatMap(({ gpus }) => gpus).filter((gpu) => !gpuIds.includes(gpu))).toEqual([])
  }
  expect(most).toBeGreaterThan(1)
  for (const [id, { gpu }] of asked) {
    const usage = (await deps.jobs.find(id, null))?.usage
    // All parts are halves here, and so is what is held.
    expect(usage?.gpuSeconds).toEqual(gpu === 0 ? undefined : (gpu * (usage?.wallMs ?? 0)) / 1000)
  }
})

test('a worker whose NODE_GPU_IDS are not as many as NODE_GPUS does not start, and says so', async () => {
  const worker = startWorker(await openTestQueue(), { NODE_GPUS: '1', NODE_GPU_IDS: '2,3' })
  expect(await worker.exited).toBe(1)
  expect(worker.output()).toContain('NODE_GPU_IDS names 2 of NODE_GPUS=1 GPUs')
})

const mix = fc.record({
  cpu: fc.constantFrom(0, 0.5, 1, 2, 3),
  memoryMb: fc.constantFrom(0, 100, 1500, 3000),
  gpu: fc.constantFrom(0, 0, 0.5, 0.5, 1, 2, 3),
})
