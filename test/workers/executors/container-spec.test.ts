import { expect, test } from '@jest/globals'
import { containerSpec } from '../../../workers/executors/container-spec.ts'
import type { GpuId } from '../../../queue/domain/node.ts'
import { aClaimedJob } from '../a-run.ts'

/** What an engine with two GPUs and four cores is asked for. */
function specOf(more: { gpus?: GpuId[]; cpus?: number | null; network?: string; user?: string } = {}) {
  const { gpus = [], cpus = null, user = '1:1', ...payload } = more
  const spec = containerSpec(
    payload,
    { job: aClaimedJob(), gpus, limits: { memoryMb: 100, cpus } },
    {
      bounds: { user, processes: 10, openFiles: 10 },
      image: { id: 'sha256:any', volumes: [] },
      mark: { worker: 'w', generation: 0, process: 'w-0' },
      engine: { cpus: 4, gpuIds: ['GPU-a', 'GPU-b'] },
    },
  )
  const env = Object.fromEntries((spec.Env ?? []).map((entry) => entry.split('=', 2)))
  return { ...spec, env, host: spec.HostConfig ?? {} }
}

test.each<[string, GpuId[], string[], string]>([
  ['by the index of the node, which the driver knows by another name', [1], ['GPU-b'], '0'],
  ['by the names that the node was given', ['GPU-x', 'MIG-y'], ['GPU-x', 'MIG-y'], '0,1'],
])('GPUs are devices, told %s; a container counts its own from 0', (_, gpus, ids, visible) => {
  const { host, env } = specOf({ gpus })
  expect(host.DeviceRequests).toEqual([
    { Driver: '', Count: 0, DeviceIDs: ids, Capabilities: [['gpu']], Options: {} },
  ])
  expect(env).toMatchObject({ NOODLE_GPUS: gpus.join(','), CUDA_VISIBLE_DEVICES: visible })
  expect(env).not.toHaveProperty('NVIDIA_VISIBLE_DEVICES') // the engine sets it to these devices
})

test.each<[string, GpuId[]]>([
  ['no GPU', []],
  ['virtual ones', [2, 3]],
])('with %s no device is asked for, and an image that wants all gets none', (_, gpus) => {
  const { host, env } = specOf({ gpus })
  expect(host).not.toHaveProperty('DeviceRequests')
  expect(env).toMatchObject({ CUDA_VISIBLE_DEVICES: gpus.join(','), NVIDIA_VISIBLE_DEVICES: 'void' })
})

test('cores stay within what the engine takes; network and user are what was allowed', () => {
  expect([0.001, 0.5, 64].map((cpus) => specOf({ cpus }).host.NanoCpus)).toEqual([1e7, 5e8, 4e9])
  expect(specOf().host).not.toHaveProperty('NanoCpus')
  expect([specOf().host.NetworkMode, specOf({ network: 'egress' }).host.NetworkMode]).toEqual([
    'none',
    'egress',
  ])
  expect(specOf().User).toBe('1:1')
  expect(specOf({ user: 'image' })).not.toHaveProperty('User')
})
