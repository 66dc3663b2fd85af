import { randomUUID } from 'node:crypto'
import { expect } from '@jest/globals'
import { silentLogger } from '../../core/logger.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeContainerSweeper } from '../../workers/container-sweeper.ts'
import { makeRuns } from '../../queue/intake/runs.ts'
import { cleanUp } from '../support/clean-up.ts'
import { containerTest, engine, engineAddress, eventsOf, useTestImage } from '../support/container-test.ts'
import { aNode, aRunningJob, openTestQueue, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { containersOf } from './executors/a-container.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

const image = useTestImage()
const leaseMs = 2000

async function openNodes() {
  const stores = await openTestQueue({ leaseMs, leaseGraceMs: 100 })
  return {
    deps: stores.deps,
    async start(nodeId: string) {
      const worker = startWorker(stores, {
        NODE_ID: nodeId,
        LEASE_SECONDS: String(leaseMs / 1000),
        TASK_CONTAINER_IMAGES: image,
        TASK_CONTAINER_ENGINE: engineAddress,
      })
      await worker.ready
      return worker
    },
  }
}

/** Runs for ever under its first fence. */
const endless = 'if [ $NOODLE_FENCE = 1 ]; then while :; do sleep 0.1; done; fi; echo done'

async function begun(deps: QueueDeps): Promise<string> {
  const id = await submit(deps, { task: 'container', payload: { image, argv: ['sh', '-c', endless] } })
  cleanUp(async () => {
    for (const { Id } of await containersOf(id)) await engine.getContainer(Id).remove({ force: true })
  })
  await dispatchUntil(deps, async () => (await containersOf(id)).some(({ State }) => State === 'running'))
  return id
}

containerTest(
  'the container of a frozen worker is gone when its lease is over; woken, it begins anew and tells no failure',
  async () => {
    const { deps, start } = await openNodes()
    const worker = await start('first')
    const id = await begun(deps)
    worker.child.kill('SIGSTOP')
    await waitFor(async () => (await containersOf(id)).length === 0)
    expect(await deps.jobs.find(id, null)).toMatchObject({ state: 'running', attempt: 1 })
    worker.child.kill('SIGCONT')
    const job = await dispatchUntil(deps, async () => {
      const found = await deps.jobs.find(id, null)
      return found?.finishedAt ? found : null
    })
    expect(job).toMatchObject({ state: 'succeeded', attempt: 2, handBacks: 1, failures: 0 })
    expect(job.result).toMatchObject({ stdout: 'done\n' })
    // By the engine's own word: what fence 1 started ends before what fence 2 starts.
    expect(eventsOf(id).filter((event) => /^(start|die) /.test(event))).toEqual([
      ...['start 1', 'die 1'],
      ...['start 2', 'die 2'],
    ])
    expect(await containersOf(id)).toEqual([])
  },
)

containerTest('the container of a killed worker is gone at once', async () => {
  const { deps, start } = await openNodes()
  const worker = await start('first')
  const id = await begun(deps)
  await worker.stop('SIGKILL')
  await waitFor(async () => (await containersOf(id)).length === 0)
})

containerTest('a sweep removes the containers of starts that are over, and no other', async () => {
  const { deps } = await openTestQueue()
  const waiting = await submit(deps, { task: 'container' })
  const { id: running, fence } = await aRunningJob(deps, await aNode(deps), { task: 'container' })
  async function aContainer(labels: Record<string, string>): Promise<string> {
    const container = await engine.createContainer({ Image: image, Cmd: ['true'], Labels: labels })
    cleanUp(() => container.remove({ force: true }).catch(() => undefined))
    return container.id
  }
  const over = [
    await aContainer({ 'noodle.job': running, 'noodle.fence': String(fence - 1) }),
    await aContainer({ 'noodle.job': waiting, 'noodle.fence': '1' }),
  ]
  const others = [
    await aContainer({ 'noodle.job': running, 'noodle.fence': String(fence) }),
    await aContainer({ 'noodle.job': randomUUID(), 'noodle.fence': '1' }), // another platform's
    await aContainer({ 'noodle.job': 'no id' }),
  ]
  const sweeper = makeContainerSweeper({
    ...{ address: engineAddress, platform: deps.jobs, runs: makeRuns(), log: silentLogger, everyMs: 20 },
  })
  cleanUp(() => sweeper.stop())
  await sweeper.start()
  const ids = async (): Promise<string[]> => (await engine.listContainers({ all: true })).map(({ Id }) => Id)
  await waitFor(async () => !(await ids()).some((id) => over.includes(id)))
  expect(await ids()).toEqual(expect.arrayContaining(others))
})
