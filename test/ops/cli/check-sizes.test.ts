import { expect, test } from '@jest/globals'
import { checkSizes } from '../../../ops/cli/doctor/check-sizes.ts'
import { aNode, dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'

test('the doctor names what queued jobs ask for that no node of their tier has', async () => {
  const { deps } = await openTestQueue()
  await aNode(deps) // 2 cores, 4096 MiB, no GPU
  const nothing = { cpu: 0, memoryMb: 0, gpu: 0 }
  for (const need of [nothing, { ...nothing, cpu: 2, memoryMb: 4096 }])
    await submit(deps, { resources: need })
  await submit(deps, { tier: 'heavy', resources: { ...nothing, gpu: 2 } }) // no node at all: another check tells
  await dispatchJobs(deps)
  expect(await checkSizes(deps)).toMatchObject({ status: 'ok' })
  for (const need of [
    { ...nothing, gpu: 0.5 },
    { ...nothing, cpu: 2.5 },
    { ...nothing, cpu: 2.5 },
  ])
    await submit(deps, { resources: need })
  await dispatchJobs(deps)
  expect(await checkSizes(deps)).toMatchObject({
    status: 'warning',
    message:
      'Jobs wait for more than any node of their tier has: 2 for 2.5 cpu (tier small), 1 for 0.5 gpu (tier small).',
  })
})
