import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import type { Component } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { LeaseGuard } from './lease-guard.ts'
import { machineMs, toMachineMs } from './machine-clock.js'

/**
 * Ends what this worker has started when the worker itself can't: frozen as a whole (SIGSTOP, a debugger) or dead. A small process
 * in a session of its own, which knows until when the lease is good. Whatever starts processes for jobs, asks for a mark before and tells the group after.
 *
 * Each time that the lease is lost a new generation begins. The mark names it, so that an end that comes late can't reach what was started since.
 */
export interface Keeper extends Component, LeaseGuard {
  /** The value that `markVariable` must have in the environment of a process that is about to be started. Starts the keeper's process if there is none. */
  mark(): string
  /** The same for a container that is about to be made, in its labels: which worker process, and in which generation. */
  markContainer(): { worker: string; generation: number }
  /** False when what has this mark must not be started any more, because the lease was lost since; also when nobody here has noticed it yet. */
  isCurrent(mark: string): boolean
  /** Tells of a process group that was started with the mark. To be called back when it has ended. */
  watch(groupId: number): () => void
}

export interface KeeperOptions {
  /** Tells this worker's processes from all others'. */
  mark: string
  /** Of the container engine; null when this worker starts no containers. */
  engine?: string | null
  log: Logger
}

/** Of a process that ends again and again. */
const longestPauseMs = 5000
/** After this long its deaths before are forgotten. */
const soundLifeMs = 60_000
/** Bytes that it may leave unread: more than there ever are, unless it hangs. */
const mostUnread = 65_536
const stopDeadlineMs = 2000

/** 52 MB of memory, 12 MB of them its own; it starts within 60 ms, and nobody waits for that: it reads what was told before. */
const command = [
  '--max-old-space-size=16',
  '--max-semi-space-size=1',
  fileURLToPath(new URL('./keeper-process.js', import.meta.url)),
]

export function makeKeeper({ mark, engine = null, log }: KeeperOptions): Keeper {
  /** An engine may serve several machines, whose process ids say nothing of each other. */
  const worker = randomUUID()
  let hasContainers = false
  const groups = new Map<number, number>()
  let generation = 0
  /** On the machine's clock. */
  let untilMs: number | null = null
  let child: ChildProcess | undefined
  let pause: NodeJS.Timeout | undefined
  let deaths = 0
  let isStopped = false

  function begin(): void {
    clearTimeout(pause)
    pause = undefined
    const startedMs = performance.now()
    // As arguments, for this process may be frozen before it has written anything: what runs is found by its mark then.
    const lease = [untilMs ?? Infinity, generation].map(String)
    let mine: ChildProcess
    try {
      mine = spawn(
        process.execPath,
        [...command, mark, ...lease, ...(engine === null ? [] : [engine, worker])],
        {
          cwd: '/',
          env: {},
          detached: true, // a session of its own: what stops the worker's group does not stop it
          stdio: ['pipe', 'ignore', 'inherit'],
        },
      )
    } catch (error) {
      beginLater(error)
      return
    }
    child = mine
    mine.unref()
    mine.stdin?.on('error', () => undefined) // its end tells
    const onEnd = (how: unknown): void => {
      if (child !== mine) return
      child = undefined
      if (performance.now() - startedMs > soundLifeMs) deaths = 0
      beginLater(how)
    }
    mine.once('error', onEnd).once('exit', (code, signal) => onEnd(signal ?? code))
    for (const [id, born] of groups) tell('group', id, born)
    if (hasContainers) tell('containers')
  }

  function beginLater(how: unknown): void {
    log.warn('the process that ends jobs should this one freeze is gone; it is started again', {
      how,
    })
    pause = setTimeout(begin, Math.min(longestPauseMs, 2 ** deaths++)).unref()
  }

  function tell(word: string, ...numbers: number[]): void {
    if (!child?.stdin?.writable) return
    child.stdin.write(`${word} ${numbers.join(' ')}\n`)
    if (child.stdin.writableLength > mostUnread) child.kill('SIGKILL')
  }

  return {
    name: 'keeper',
    start: () => Promise.resolve(),
    async stop() {
      isStopped = true
      clearTimeout(pause)
      const mine = child
      child = undefined
      if (!mine || mine.exitCode !== null || mine.signalCode !== null) return
      const ended = once(mine, 'exit')
      mine.ref()
      mine.stdin?.end()
      const timer = setTimeout(() => mine.kill('SIGKILL'), stopDeadlineMs)
      await ended
      clearTimeout(timer)
    },
    mark() {
      if (!child && !pause && !isStopped) begin()
      return `${mark}-${String(generation)}`
    },
    markContainer() {
      if (!hasContainers) tell('containers')
      hasContainers = true
      return { worker, generation }
    },
    isCurrent: (of) => of === `${mark}-${String(generation)}` && (untilMs === null || machineMs() < untilMs),
    watch(groupId) {
      groups.set(groupId, generation)
      tell('group', groupId, generation)
      return () => {
        groups.delete(groupId)
        tell('gone', groupId)
      }
    },
    guardUntil(performanceMs) {
      if (performanceMs === null) {
        untilMs = null
        tell('over', generation++)
      } else {
        untilMs = toMachineMs(performanceMs)
        tell('until', untilMs, generation)
      }
    },
  }
}
