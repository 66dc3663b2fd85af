import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from '@jest/globals'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import { findMarked } from '../../workers/executors/marked-processes.js'
import { findTaskUser } from '../../workers/executors/task-user.ts'
import { alice, openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { aScript } from './a-run.ts'
import { dispatchUntil, startWorker } from './real-worker.ts'

/** A user that every Linux has, with its number. */
const nobody = { name: 'nobody', uid: findUid('nobody') }
const isPossible = canRunAs(nobody.name)
const userTest = isPossible ? test : test.skip
if (!isPossible) test.skip('programs as another user (skipped: it takes root and setpriv)', () => undefined)

function findUid(name: string): number {
  try {
    return Number(execFileSync('id', ['-u', name], { encoding: 'utf8', stdio: 'pipe' }))
  } catch {
    return -1
  }
}

function canRunAs(name: string): boolean {
  try {
    findTaskUser(name, process.env['PATH'] ?? '')
    return true
  } catch {
    return false
  }
}

/** Runs a script as a job of a worker with these settings, and answers with what it printed. */
async function openPrinter(settings: Record<string, string>) {
  const stores = await openTestQueue()
  const { deps } = stores
  const worker = startWorker(stores, settings)
  await worker.ready
  return {
    worker,
    deps,
    async print(script: string): Promise<string> {
      const id = await submit(deps, { task: 'command', payload: aScript(script) })
      await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'succeeded')
      return ((await deps.jobs.find(id, null))?.result as { stdout: string }).stdout
    },
  }
}

const escape =
  'for file in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do (echo $$ > $file) 2> /dev/null && echo escaped; done'
const intrude =
  'cat /proc/$PPID/environ > /dev/null 2>&1 && echo read; kill -0 $PPID 2> /dev/null && echo signalled'

userTest(
  'programs run as TASK_USER can neither read the secrets of the worker nor signal it, and have their folder to write to',
  async () => {
    const { print } = await openPrinter({ TASK_USER: nobody.name })
    expect(
      await print(
        `id -u; ${intrude}; ${escape}; echo x > $HOME/file && cat $HOME/file; echo y > $NOODLE_ARTIFACTS/file && cat $NOODLE_ARTIFACTS/file; ls $HOME/.. 2> /dev/null; echo end`,
      ),
    ).toBe(`${String(nobody.uid)}\nx\ny\nend\n`)
  },
)

userTest(
  'what a program of TASK_USER has started is gone after a cancel, also twice forked, and so is its folder',
  async () => {
    const { deps, worker } = await openPrinter({ TASK_USER: nobody.name })
    const script = 'trap "" TERM; mkdir -m 0 closed; (setsid sleep 300 &); while :; do sleep 0.02; done'
    const id = await submit(deps, { task: 'command', payload: aScript(script) })
    await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'running')
    await waitFor(() => findMarked().filter(({ jobId }) => jobId === id).length > 1)
    const folders = () =>
      readdirSync(tmpdir())
        .filter((name) => name.includes(`-${String(worker.pid)}-`))
        .flatMap((name) => readdirSync(`${tmpdir()}/${name}`))
    expect(folders()).toHaveLength(2) // of scratch and of artifacts
    await cancelJob(deps, alice, id)
    await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'cancelled')
    expect(findMarked().filter(({ jobId }) => jobId === id)).toEqual([])
    expect(folders()).toEqual([])
  },
)

userTest('all of TASK_USER is gone a moment after its worker was killed', async () => {
  const { deps, worker } = await openPrinter({ TASK_USER: nobody.name })
  const id = await submit(deps, { task: 'command', payload: aScript('(setsid sleep 300 &); sleep 300') })
  await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'running')
  await waitFor(() => findMarked().filter(({ jobId }) => jobId === id).length > 1)
  await worker.stop('SIGKILL')
  await waitFor(() => findMarked().every(({ jobId }) => jobId !== id))
})

test('as the user of the worker a program can read and signal it, but gains no rights that it has not', async () => {
  if (!existsSync('/proc/self/status')) return
  const { print } = await openPrinter({})
  expect(await print(`${intrude}; echo end`)).toBe('read\nsignalled\nend\n')
  expect(await print('grep NoNewPrivs /proc/self/status')).toBe('NoNewPrivs:\t1\n')
})

test.each([
  ['no-such-user', 'there is no such user'],
  ['root', 'it is root'],
])('a worker with TASK_USER=%s does not start, and says why', async (TASK_USER, why) => {
  const worker = startWorker(await openTestQueue(), { TASK_USER })
  expect(await worker.exited).toBe(1)
  expect(worker.output()).toContain(`TASK_USER is ${TASK_USER}: `)
  if (isPossible) expect(worker.output()).toContain(why)
})
