import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Usage } from '../../queue/domain/job.ts'
import type { RunLimits } from '../../queue/intake/slots.ts'
import type { Keeper } from '../keeper.ts'
import { markVariable } from './marked-processes.js'
import type { Cgroups, RunGroup } from './cgroups.ts'
import { isGroupAlive, listDescendants } from './proc.ts'
import { makeUsageMeter } from './process-usage.ts'
import type { ScratchGuard } from './scratch-guard.ts'
import { killStrays } from './stray-processes.ts'
import { findSetpriv, type TaskUser } from './task-user.ts'

export interface ProgramStart {
  /** Absolute path. */
  file: string
  args: readonly string[]
  /** The mark of the worker comes to it. */
  env: Record<string, string>
  cwd: string
  /** What the program reads; without it, nothing. */
  stdin: string | undefined
  onStdout: (chunk: Buffer) => void
  onStderr: (chunk: Buffer) => void
  /** True to give it a channel to this process besides: it writes to file descriptor 3 and reads from 4. */
  hasChannel?: boolean
  /** For it and all that it starts; without them there are none. */
  limits?: RunLimits | null
}

/** The worker's ends of the channel. They close with the group. */
export interface Channel {
  fromProgram: Readable
  toProgram: Writable
}

export interface GroupEnd {
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** How it ended after `stop`, such as `SIGTERM, exit 143` or `SIGKILL after 5 s`; null when it ended by itself. */
  stopped: string | null
  /** Its limit, when it was killed for wanting more; else null. */
  outOfMemoryMb: number | null
  /** What there was too much of in its scratch folder, when it was killed for that; else null. */
  scratchFull: string | null
  usage: Omit<Usage, 'wallMs'>
}

export interface ProcessGroup {
  /** Of the leader; 0 when it could not be started. */
  pid: number
  /** Null unless asked for. */
  channel: Channel | null
  /** SIGTERM to all of the group, and SIGKILL when its leader is still there after `killGraceMs`; 0 kills at once. */
  stop(killGraceMs: number): void
  /** Kills it when there is too much in these folders together. To be called back when the run is over, if the group goes on. */
  guardScratch(folders: readonly string[]): () => void
  /** Resolves when the leader has ended and nothing of the group is left. Rejects when it could not be started. */
  ended: Promise<GroupEnd>
}

/** Programs, each started as the leader of a process group of its own. */
export interface ProcessGroups {
  /** @throws what spawn throws */
  start(program: ProgramStart): ProcessGroup
  /** SIGKILL to all groups, at once. */
  killAll(): void
  /** The ids of live groups, 0 for a free place: the watchdog's thread reads them. */
  shared: Int32Array
}

const mebibyte = 1024 * 1024

/**
 * What a program's process does before it becomes the program: no core files, so many open files, and into its control groups, so that it can't start
 * anything outside of them.
 */
const prologue =
  'ulimit -c 0; ulimit -n "$1" 2>/dev/null; shift; while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'

/** What escaped from its group may keep the pipes open; it is not waited for. */
const pipeDeadlineMs = 500
/** How long killed processes may take to vanish. */
const vanishDeadlineMs = 500

/**
 * `most`: groups that may live at once. `path`: where to look for setpriv, which on Linux has the kernel kill a leader whose worker died, even by
 * SIGKILL. `keeper` does so a moment later, and for all of the group.
 */
export function makeProcessGroups(options: {
  most: number
  path: string
  keeper: Pick<Keeper, 'mark' | 'isCurrent' | 'watch'>
  /** Null: memory is looked at several times a second instead, cores and processes are not limited. */
  cgroups: Cgroups | null
  /** Of a run, at once. */
  processes: number
  /** Of each process. */
  openFiles: number
  scratchGuard: ScratchGuard
  /** Whom programs run as; by default who this process is. */
  user?: TaskUser | null
}): ProcessGroups {
  const { keeper, cgroups } = options
  const shared = new Int32Array(new SharedArrayBuffer(options.most * Int32Array.BYTES_PER_ELEMENT))
  const setpriv = findSetpriv(options.path, options.user ?? null)
  const meter = makeUsageMeter()

  function start(program: ProgramStart): ProcessGroup {
    const { limits } = program
    const mark = keeper.mark()
    // Woken from a freeze, with the lease over meanwhile: what begins now would run beside its job's next attempt until somebody notices.
    if (!keeper.isCurrent(mark))
      return neverBegun(Promise.reject(new Error('The lease of the node ran out.')))
    const cgroup = limits && beginCgroup(limits)
    const [file = program.file, ...args] = [
      ...['/bin/sh', '-c', prologue, 'sh', String(options.openFiles), ...(cgroup?.folders ?? []), '--'],
      ...[...setpriv, program.file, ...program.args],
    ]
    const env = { ...program.env, [markVariable]: mark }
    const child = spawn(file, args, {
      cwd: program.cwd,
      env,
      detached: true, // setsid: a session and a group of its own
      stdio: [
        program.stdin === undefined ? 'ignore' : 'pipe',
        ...['pipe' as const, 'pipe' as const],
        ...(program.hasChannel ? ['pipe' as const, 'pipe' as const] : []),
      ],
    })
    const { pid } = child
    if (pid === undefined) return neverBegun(startError(child))

    const place = shared.indexOf(0)
    shared[place] = pid
    const groupEnded = keeper.watch(pid)
    let isOutOfMemory = false
    let scratchFull: string | null = null
    let scratchOver = (): void => undefined
    meter.begin(
      pid,
      limits && !cgroup
        ? {
            memoryBytes: limits.memoryMb * mebibyte,
            onExceeded() {
              isOutOfMemory = true
              signalGroup(pid, 'SIGKILL')
            },
          }
        : undefined,
    )
    child.stdout?.on('data', program.onStdout)
    child.stderr?.on('data', program.onStderr)
    child.stdin?.on('error', () => undefined) // the program need not read all, or anything
    child.stdin?.end(program.stdin)
    const channel = program.hasChannel ? channelOf(child) : null
    let killTimer: NodeJS.Timeout | undefined
    let stoppedBy: string | null = null

    const ended = new Promise<GroupEnd>((resolve) => {
      child.once('exit', (exitCode, signal) => {
        const usage = meter.end(pid)
        clearTimeout(killTimer)
        scratchOver()
        signalGroup(pid, 'SIGKILL') // what the leader left behind
        if (place >= 0) shared[place] = 0
        groupEnded()
        if (cgroup && exitCode !== 0 && cgroup.oomKills() > 0) isOutOfMemory = true
        // Those that left the group for a session of their own: the sweep finds them too, but later.
        const straysGone = !cgroup && stoppedBy ? killStrays(env) : undefined
        const end: Omit<GroupEnd, 'usage'> = {
          ...{ exitCode, signal },
          stopped: stoppedBy && describeEnd(stoppedBy, exitCode, signal),
          outOfMemoryMb: isOutOfMemory ? (limits?.memoryMb ?? null) : null,
          scratchFull,
        }
        void Promise.all([pipesClosed(child), groupGone(pid), cgroup?.end(), straysGone]).then(() =>
          resolve({ ...end, usage }),
        )
      })
    })

    return {
      pid,
      channel,
      ended,
      guardScratch(folders) {
        if (child.exitCode !== null || child.signalCode !== null) return () => undefined
        const members = () => [...new Set([...listDescendants(pid), ...(cgroup?.members() ?? [])])]
        scratchOver = options.scratchGuard.watch(folders, members, (what) => {
          scratchFull = what
          signalGroup(pid, 'SIGKILL')
        })
        return scratchOver
      },
      stop(killGraceMs) {
        if (child.exitCode !== null || child.signalCode !== null) return
        clearTimeout(killTimer)
        if (killGraceMs === 0) {
          stoppedBy = 'SIGKILL'
          signalGroup(pid, 'SIGKILL')
          return
        }
        stoppedBy = 'SIGTERM'
        signalGroup(pid, 'SIGTERM')
        signalGroup(pid, 'SIGCONT') // a stopped process would not hear it
        killTimer = setTimeout(() => {
          stoppedBy = `SIGKILL after ${String(killGraceMs / 1000)} s`
          signalGroup(pid, 'SIGKILL')
        }, killGraceMs)
      },
    }
  }

  /** A machine that has no room for another group limits this run by looking. */
  function beginCgroup({ memoryMb, cpus }: RunLimits): RunGroup | null {
    try {
      return (
        cgroups?.begin({
          memoryBytes: memoryMb * mebibyte,
          processes: options.processes,
          ...(cpus !== null && { cpus }),
        }) ?? null
      )
    } catch {
      return null
    }
  }

  return {
    start,
    killAll() {
      for (const pid of shared) if (pid !== 0) signalGroup(pid, 'SIGKILL')
    },
    shared,
  }
}

/** As a shell would count: 128 and the signal's number. */
function describeEnd(stoppedBy: string, exitCode: number | null, signal: NodeJS.Signals | null): string {
  if (stoppedBy !== 'SIGTERM') return stoppedBy
  return `SIGTERM, exit ${String(exitCode ?? 128 + (signal ? constants.signals[signal] : 0))}`
}

function neverBegun(ended: Promise<never>): ProcessGroup {
  ended.catch(() => undefined) // whoever asks hears of it, also later
  return { ...{ pid: 0, channel: null, ended }, stop() {}, guardScratch: () => () => undefined }
}

function startError(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => child.once('error', reject))
}

function channelOf(child: ChildProcess): Channel {
  const [, , , fromProgram, toProgram] = child.stdio
  for (const end of [fromProgram, toProgram]) end?.on('error', () => undefined) // its end tells
  return { fromProgram: fromProgram as Readable, toProgram: toProgram as Writable }
}

async function pipesClosed(child: ChildProcess): Promise<void> {
  child.stdio[4]?.destroy()
  const pipes = [child.stdout, child.stderr, child.stdio[3]].filter((pipe) => pipe && !pipe.closed)
  if (pipes.length === 0) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      for (const pipe of pipes) pipe?.destroy()
      resolve()
    }, pipeDeadlineMs)
    child.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

async function groupGone(pid: number): Promise<void> {
  for (let waitMs = 1; waitMs < vanishDeadlineMs && signalGroup(pid, 0) && isGroupAlive(pid); waitMs *= 2)
    await delay(waitMs)
}

/** False when the group has no process. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false
  }
}
