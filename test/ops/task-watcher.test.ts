import { expect, test } from '@jest/globals'
import { silentLogger } from '../../core/logger.ts'
import { checkTasks } from '../../ops/cli/doctor/check-tasks.ts'
import { makeTaskWatcher } from '../../ops/roles/task-watcher.ts'
import { echo } from '../../workers/executors/builtin.ts'
import { cleanUp } from '../support/clean-up.ts'
import { dispatchJobs, openTestQueue, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

test('jobs that wait for a task which no ready node of their tier offers are counted, told once, and named by the doctor', async () => {
  const { deps } = await openTestQueue()
  const offer = (name: string, tiers: string[]) =>
    deps.nodes.register(
      {
        ...{
          id: name,
          bootId: deps.newId(),
          tiers,
          cpus: 1,
          memoryMb: 1,
          gpus: 0,
          concurrency: 1,
          version: '0',
        },
        tasks: [echo.offer, { ...echo.offer, name }],
      },
      60_000,
    )
  await offer('resize', ['small'])
  await offer('train', ['heavy'])
  for (const task of ['echo', 'resize', 'train', 'train', 'gone']) await submit(deps, { task })
  await dispatchJobs(deps)

  const warnings: unknown[] = []
  const log = { ...silentLogger, warn: (_: string, fields: unknown) => void warnings.push(fields) }
  const watcher = makeTaskWatcher({ ...deps, log }, 5)
  cleanUp(() => watcher.stop())
  await watcher.start()
  await waitFor(() => warnings.length > 0)
  const waiting = [
    { tier: 'small', task: 'gone', jobs: 1 },
    { tier: 'small', task: 'train', jobs: 2 },
  ]
  expect(warnings).toEqual([{ waiting, tasks: 2 }])
  const metrics = await deps.metrics.registry.metrics()
  expect(metrics).toContain('noodle_unoffered_jobs{tier="small"} 3\n')
  expect(metrics).toContain('noodle_unoffered_jobs{tier="heavy"} 0\n')
  expect(await checkTasks(deps)).toMatchObject({
    status: 'warning',
    message: expect.stringContaining('1 for gone (tier small), 2 for train (tier small).'),
  })

  await offer('gone', ['small', 'medium'])
  await deps.nodes.drain('train')
  await waitFor(async () =>
    (await deps.metrics.registry.metrics()).includes('noodle_unoffered_jobs{tier="small"} 2\n'),
  )
  expect(warnings).toHaveLength(1)
})
