import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { Job } from '../../queue/domain/job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { reapNodes } from '../../queue/use-cases/reap-nodes.ts'
import { findMarked } from '../../workers/executors/marked-processes.js'
import { readChildren } from '../../workers/executors/proc.ts'
import { openTestQueue, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { aFolder, aScript, isAlive, readPid } from './a-run.ts'
import { dispatchUntil, type RealWorker, startWorker } from './real-worker.ts'

const leaseMs = 2000

async function openNodes() {
  const stores = await openTestQueue({ leaseMs, leaseGraceMs: 100 })
  return {
    deps: stores.deps,
    async start(nodeId: string): Promise<RealWorker> {
      const worker = startWorker(stores, {
        NODE_ID: nodeId,
        LEASE_SECONDS: String(leaseMs / 1000),
      })
      await worker.ready
      return worker
    },
  }
}

/** A job that, under its first fence, adds `1` to the file `effects` every 20 ms for ever, and so does what it has put into a session of its own. Later it adds its fence for a while and ends. */
function aWitnessedJob(folder: string) {
  const witness = `echo $NOODLE_FENCE >> ${folder}/effects; sleep 0.02`
  return {
    task: 'command',
    payload: aScript(
      `if [ $NOODLE_FENCE = 1 ]; then
        setsid sh -c 'echo $$ > ${folder}/escaped; while :; do ${witness}; done' > /dev/null 2>&1 &
        echo $$ > ${folder}/leader
        while :; do ${witness}; done
      fi
      for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do ${witness}; done`,
    ),
  }
}

const effectsOf = (folder: string): string[] =>
  readFileSync(join(folder, 'effects'), 'utf8').trim().split('\n')

async function begun(deps: QueueDeps, folder: string) {
  const id = await submit(deps, aWitnessedJob(folder))
  await dispatchUntil(deps, async () => {
    await reapNodes(deps) // from now on it knows that there is no gap
    return existsSync(join(folder, 'escaped'))
  })
  return {
    id,
    leader: await readPid(join(folder, 'leader')),
    escaped: await readPid(join(folder, 'escaped')),
  }
}

function ended(deps: QueueDeps, id: string): Promise<Job> {
  return dispatchUntil(deps, async () => {
    await reapNodes(deps)
    const job = await deps.jobs.find(id, null)
    return job?.finishedAt ? job : null
  })
}

function keeperOf(worker: RealWorker): number | undefined {
  return readChildren(worker.pid).find(
    (pid) => isAlive(pid) && readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes('keeper-process'),
  )
}

function catchesSignals(pid: number): boolean {
  const caught = /^SigCgt:\s+(\w+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${caught}`) & (1n << 2n)) !== 0n // SIGQUIT, the last that it asks for; Node itself asks for SIGTERM
}

test('what a frozen worker has started is gone before another node takes its job over', async () => {
  const { deps, start } = await openNodes()
  const folder = aFolder()
  const first = await start('first')
  const { id, leader, escaped } = await begun(deps, folder)
  await start('second')

  first.child.kill('SIGSTOP')
  const job = await ended(deps, id)
  expect(job).toMatchObject({ state: 'succeeded', nodeId: 'second', attempt: 2, crashes: 1, failures: 0 })
  expect([isAlive(leader), isAlive(escaped)]).toEqual([false, false])
  const effects = effectsOf(folder)
  expect(effects).toEqual(effects.toSorted()) // nothing by fence 1 after fence 2 has begun
  expect(effects.filter((fence) => fence === '2')).toHaveLength(15)

  first.child.kill('SIGCONT')
  await waitFor(async () => (await deps.nodes.listLive()).length === 2)
  expect((await deps.jobs.listEvents(id)).map(({ state }) => state)).toEqual([
    ...['pending', 'queued', 'running'], // on the first
    ...['pending', 'queued', 'running', 'succeeded'],
  ])
})

test('a worker that wakes before it was given up hands the job back; that its processes died is no failure', async () => {
  const { deps, start } = await openNodes()
  const folder = aFolder()
  const worker = await start('first')
  const { id, leader, escaped } = await begun(deps, folder)
  worker.child.kill('SIGSTOP')
  await waitFor(() => !isAlive(leader) && !isAlive(escaped))
  worker.child.kill('SIGCONT')
  const job = await dispatchUntil(deps, async () => {
    const found = await deps.jobs.find(id, null)
    return found?.finishedAt ? found : null
  })
  expect(job).toMatchObject({ state: 'succeeded', attempt: 2, handBacks: 1, crashes: 0, failures: 0 })
})

test.each(['worker', 'keeper'])(
  'when all of a machine was paused and the %s wakes first, all is killed and no failure is told',
  async (wakesFirst) => {
    const { deps, start } = await openNodes()
    const folder = aFolder()
    const worker = await start('first')
    const { id, leader, escaped } = await begun(deps, folder)
    const keeper = keeperOf(worker) ?? 0
    const all = [worker.pid, keeper, leader, escaped]
    for (const pid of all) process.kill(pid, 'SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 2200)) // longer than a lease
    for (const pid of wakesFirst === 'worker' ? all : [keeper, worker.pid, leader, escaped]) wake(pid)
    await waitFor(() => !isAlive(leader) && !isAlive(escaped))
    const job = await dispatchUntil(deps, async () => {
      const found = await deps.jobs.find(id, null)
      return found?.finishedAt ? found : null
    })
    expect(job).toMatchObject({ state: 'succeeded', attempt: 2, handBacks: 1, failures: 0 })
    expect(keeperOf(worker)).toBe(keeper)
  },
)

test('a keeper starts with the first job, hears no signal, is replaced when it dies, and ends with its worker', async () => {
  const { deps, start } = await openNodes()
  const folder = aFolder()
  const worker = await start('first')
  expect(keeperOf(worker)).toBeUndefined()
  const { leader, escaped } = await begun(deps, folder)
  const first = keeperOf(worker) ?? 0
  const marked = findMarked().map(({ pid }) => pid)
  expect(marked).toEqual(expect.arrayContaining([leader, escaped]))
  expect(marked).not.toContain(first)
  await waitFor(() => catchesSignals(first)) // earlier it would die, and be replaced
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const) {
    expect(isAlive(first)).toBe(true)
    process.kill(first, signal)
  }
  const second = await waitFor(() => (isAlive(first) ? undefined : keeperOf(worker)))

  // The second knows what runs.
  worker.child.kill('SIGSTOP')
  await waitFor(() => !isAlive(leader) && !isAlive(escaped))
  await worker.stop('SIGKILL')
  await waitFor(() => !isAlive(second))
})

test('what a killed worker has started is gone at once, whatever session it moved to', async () => {
  const { deps, start } = await openNodes()
  const folder = aFolder()
  const worker = await start('first')
  const { leader, escaped } = await begun(deps, folder)
  const keeper = keeperOf(worker) ?? 0
  await worker.stop('SIGKILL')
  await waitFor(() => !isAlive(leader) && !isAlive(escaped) && !isAlive(keeper))
})

/** Who woke before it may have killed it already. */
function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
