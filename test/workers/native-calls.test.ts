import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import { listProcesses, readEnvironment } from '../../workers/executors/proc.ts'
import { alice, dispatchJobs, openTestQueue, stateOf, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { glibcTest } from './executors/a-c-library.ts'
import { aFolder, isAlive } from './a-run.ts'
import { startWorker } from './real-worker.ts'

/** Functions of the C library, by their prototypes, as tasks of their names. */
function aFolderOfFunctions(prototypes: Record<string, string>): string {
  const folder = aFolder()
  for (const [name, prototype] of Object.entries(prototypes))
    writeFileSync(
      join(folder, `${name}.task.json`),
      JSON.stringify({ name, ffi: { library: 'libc.so.6', function: prototype } }),
    )
  return folder
}

/** Processes of tasks of the folder; those with a word in what they were started with. */
const processesOf = (folder: string, word: string): number[] =>
  listProcesses().filter(
    (pid) =>
      readEnvironment(pid).includes(`NOODLE_TASK_FOLDER=${folder}`) &&
      isAlive(pid) &&
      commandOf(pid).includes(word),
  )

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

glibcTest(
  'a function that crashes 20 times fails 20 attempts by its signal; worker and neighbours go on, and a native call is cancelled',
  async () => {
    const stores = await openTestQueue()
    const { deps } = stores
    const folder = aFolderOfFunctions({
      raise: 'int raise(int signal)',
      abs: 'int abs(int n)',
      usleep: 'int usleep(unsigned us)',
    })
    const worker = startWorker(stores, {
      TASKS_DIR: folder,
      TASK_FFI_ALLOW: 'libc.so.6',
      KILL_GRACE_MS: '5000',
    })
    await worker.ready
    const until = <T>(condition: () => Promise<T>) =>
      waitFor(() => dispatchJobs(deps).then(condition), { timeoutMs: 60_000 })
    const ended = (ids: readonly string[]) =>
      until(async () => {
        const jobs = await Promise.all(ids.map((id) => deps.jobs.find(id, null)))
        return jobs.every((job) => job?.finishedAt) ? jobs : null
      })

    const endless = await submit(deps, { task: 'usleep', payload: { us: 600_000_000 } })
    await until(() => Promise.resolve(processesOf(folder, 'usleep').length > 0))
    const crashing = Array.from({ length: 20 }, () =>
      submit(deps, {
        task: 'raise',
        payload: { signal: 11 },
        retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' },
      }),
    )
    const neighbours = Array.from({ length: 5 }, (_, i) => submit(deps, { task: 'abs', payload: { n: -i } }))
    for (const job of await ended(await Promise.all(crashing)))
      expect(job).toMatchObject({
        state: 'failed',
        error: { code: 'SIGNAL', message: 'The process of the task raise was ended by SIGSEGV.' },
      })
    const results = (await ended(await Promise.all(neighbours))).map((job) => job?.result)
    expect(results).toEqual([0, 1, 2, 3, 4].map((n) => ({ returns: n })))
    expect(isAlive(worker.pid)).toBe(true)
    expect(processesOf(folder, 'raise')).toEqual([])

    expect(await stateOf(deps, endless)).toBe('running') // all the while
    await cancelJob(deps, alice, endless)
    await until(async () => (await stateOf(deps, endless)) === 'cancelled')
    expect((await deps.jobs.listEvents(endless)).at(-1)?.reason).toBe('cancelled: SIGTERM, exit 143')
    expect(processesOf(folder, 'usleep')).toEqual([])
  },
  120_000,
)
