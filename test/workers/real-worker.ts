import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { cleanUp } from '../support/clean-up.ts'
import { inherited } from '../support/platform.ts'
import { testBlobDir } from '../support/test-blobs.ts'
import { dispatchJobs } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

const checkout = join(import.meta.dirname, '../..')

/** How long a worker may take to start or to stop, on a machine that does much else. */
const processMs = 20_000

export interface RealWorker {
  child: ChildProcess
  pid: number
  /** What it wrote so far. */
  output(): string
  /** Resolves when it takes jobs. */
  ready: Promise<void>
  /** Resolves with its exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals | null>
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

/** A worker process on the stores of the test. It is stopped after the test, and must exit 0 unless the test ended it. */
export function startWorker(
  stores: { databaseUrl: string; redisUrl: string },
  settings: Record<string, string> = {},
): RealWorker {
  const child = spawn(process.execPath, [join(checkout, 'workers/main.ts')], {
    cwd: checkout,
    env: {
      ...inherited,
      DATABASE_URL: stores.databaseUrl,
      REDIS_URL: stores.redisUrl,
      BLOB_DIR: testBlobDir(),
      LOG_FORMAT: 'console',
      LOG_LEVEL: 'debug',
      TASK_COMMAND_ALLOW: 'sh',
      KILL_GRACE_MS: '200',
      DRAIN_DEADLINE_MS: '800',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = once(child, 'exit').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null,
  )
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const ready = once(child, 'message', { signal: AbortSignal.timeout(processMs) }).then(
    () => undefined,
    () => {
      throw new Error(`The worker did not start:\n${output}`)
    },
  )
  ready.catch(() => undefined) // a test that does not await it expects the start to fail
  const worker: RealWorker = {
    child,
    pid: child.pid ?? 0,
    output: () => output,
    ready,
    exited,
    async stop(signal = 'SIGTERM') {
      if (isRunning()) child.kill(signal)
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), processMs)
      await Promise.race([exited, once(late.signal, 'abort')])
      clearTimeout(timer)
      if (!isRunning()) return exited
      child.kill('SIGKILL')
      throw new Error(`The worker did not stop within ${String(processMs)} ms:\n${output}`)
    },
  }
  cleanUp(async () => {
    if (!isRunning()) return
    const code = await worker.stop()
    if (code !== 0) throw new Error(`The worker exited with ${String(code)}:\n${output}`)
  })
  return worker
}

/** Dispatches, as ops would, until the condition holds. */
export function dispatchUntil<T>(
  deps: QueueDeps,
  condition: () => Promise<T>,
  what?: string,
): Promise<NonNullable<T>> {
  return waitFor(
    async () => {
      await dispatchJobs(deps)
      return condition()
    },
    what === undefined ? {} : { what },
  )
}
