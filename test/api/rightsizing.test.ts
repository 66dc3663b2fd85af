import { expect, test } from '@jest/globals'
import { finishJob } from '../../queue/use-cases/finish-job.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { aNode, aRunningJob } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

const mebibyte = 1024 * 1024

/** Jobs of echo that named nothing, and used half a core and 300 MiB. */
async function aHistory({ deps }: TestGateway, count = 20): Promise<void> {
  const boot = await aNode(deps)
  const usage = { wallMs: 1000, cpuMs: 500, maxRssBytes: 300 * mebibyte }
  for (let i = 0; i < count; i++) {
    const job = await aRunningJob(deps, boot, { resourcesFrom: 'nobody' })
    await finishJob(deps, boot, job, { kind: 'succeeded', result: null, usage })
  }
}

async function submitting(gateway: TestGateway) {
  const token = await gateway.tokenOf('user')
  return async (body: object = {}) =>
    (await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo', ...body } })).body
}

test('by default a job asks for what its submission or its task says, and tells which', async () => {
  const gateway = await openTestGateway()
  await aHistory(gateway)
  const submit = await submitting(gateway)
  expect(await submit()).toMatchObject({
    resources: { cpu: 0, memoryMb: 0, gpu: 0 },
    resourcesFrom: 'nobody',
  })
  expect(await submit({ requirement: 'light' })).toMatchObject({ resourcesFrom: 'job' })
  expect(await submit({ resources: { cpu: 1 } })).toMatchObject({
    resources: { cpu: 1 },
    resourcesFrom: 'job',
  })
})

test.each(['echo', '*'])(
  'with RIGHTSIZE_TASKS=%s a job that says nothing asks for what others used',
  async (tasks) => {
    const gateway = await openTestGateway({ RIGHTSIZE_TASKS: tasks })
    await aHistory(gateway)
    const submit = await submitting(gateway)
    const job = await waitFor(async () => {
      const made = await submit()
      return made.resourcesFrom === 'use' ? made : null
    })
    expect(job).toMatchObject({ tier: 'small', resources: { cpu: 0.6, memoryMb: 384, gpu: 0 } })
    expect(await submit({ resources: { memoryMb: 64 } })).toMatchObject({
      ...{ resources: { cpu: 0, memoryMb: 64, gpu: 0 }, resourcesFrom: 'job' },
    })
    const token = await gateway.tokenOf('user')
    expect((await gateway.call('GET', `/v1/jobs/${String(job.id)}`, { token })).body.resourcesFrom).toBe(
      'use',
    )
  },
)

test('a task that is not named is left alone, and so is one of which few jobs have run', async () => {
  const gateway = await openTestGateway({ RIGHTSIZE_TASKS: 'sleep' })
  await aHistory(gateway, 19)
  const submit = await submitting(gateway)
  gateway.reload({ RIGHTSIZE_TASKS: 'echo,sleep' })
  expect(await gateway.deps.jobs.readDefaultUse()).toMatchObject([{ task: 'echo', jobs: 19 }])
  expect(await submit()).toMatchObject({ resources: { memoryMb: 0 }, resourcesFrom: 'nobody' })
})

test('what jobs have used is told of those alone that did not say what they ask for', async () => {
  const gateway = await openTestGateway()
  const { deps } = gateway
  await aHistory(gateway, 2)
  const boot = await aNode(deps)
  const named = await aRunningJob(deps, boot, {
    resources: { cpu: 2, memoryMb: 4000, gpu: 0 },
    resourcesFrom: 'job',
  })
  const usage = { wallMs: 1000, cpuMs: 2000, maxRssBytes: 3000 * mebibyte }
  await finishJob(deps, boot, named, { kind: 'succeeded', result: null, usage })
  expect(await deps.jobs.readDefaultUse()).toEqual([
    { tier: 'small', task: 'echo', jobs: 2, cpu: 0.5, memoryMb: 300, mostMemoryMb: 300, lackedMemory: false },
  ])
  const killed = await aRunningJob(deps, boot, { resourcesFrom: 'use' })
  const error = { code: 'OUT_OF_MEMORY' as const, message: 'too large' }
  await finishJob(deps, boot, killed, { kind: 'failed', error, isFinal: true, usage })
  expect(await deps.jobs.readDefaultUse()).toMatchObject([{ jobs: 2, lackedMemory: true }])
})
