import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Usage } from '../../queue/domain/job.ts'
import type { Keeper } from '../keeper.ts'
import { findAllInPath } from './allowed-programs.ts'
import { markVariable } from './marked-processes.js'
import { isGroupAlive } from './proc.ts'
import { makeUsageMeter } from './process-usage.ts'

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
}

/** The worker's ends of the channel. They close with the group. */
export interface Channel {
  fromProgram: Readable
  toProgram: Writable
}

export interface GroupEnd {
  exitCode: number | null
  signal: NodeJS.Signals | null
  usage: Omit<Usage, 'wallMs'>
}

export interface ProcessGroup {
  /** Of the leader; 0 when it could not be started. */
  pid: number
  /** Null unless asked for. */
  channel: Channel | null
  /** SIGTERM to all of the group, and SIGKILL when its leader is still there after `killGraceMs`; 0 kills at once. */
  stop(killGraceMs: number): void
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
  keeper: Pick<Keeper, 'mark' | 'watch'>
}): ProcessGroups {
  const { keeper } = options
  const shared = new Int32Array(new SharedArrayBuffer(options.most * Int32Array.BYTES_PER_ELEMENT))
  const deathSignal = findDeathSignalPrefix(options.path)
  const meter = makeUsageMeter()

  function start(program: ProgramStart): ProcessGroup {
    const [file = program.file, ...args] = [...deathSignal, program.file, ...program.args]
    const env = { ...program.env, [markVariable]: keeper.mark() }
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
    if (pid === undefined) return { pid: 0, channel: null, stop() {}, ended: startError(child) }

    const place = shared.indexOf(0)
    shared[place] = pid
    const groupEnded = keeper.watch(pid)
    meter.begin(pid)
    child.stdout?.on('data', program.onStdout)
    child.stderr?.on('data', program.onStderr)
    child.stdin?.on('error', () => undefined) // the program need not read all, or anything
    child.stdin?.end(program.stdin)
    const channel = program.hasChannel ? channelOf(child) : null
    let killTimer: NodeJS.Timeout | undefined

    const ended = new Promise<GroupEnd>((resolve) => {
      child.once('exit', (exitCode, signal) => {
        const usage = meter.end(pid)
        clearTimeout(killTimer)
        signalGroup(pid, 'SIGKILL') // what the leader left behind
        if (place >= 0) shared[place] = 0
        groupEnded()
        void Promise.all([pipesClosed(child), groupGone(pid)]).then(() =>
          resolve({ exitCode, signal, usage }),
        )
      })
    })

    return {
      pid,
      channel,
      ended,
      stop(killGraceMs) {
        if (child.exitCode !== null || child.signalCode !== null) return
        clearTimeout(killTimer)
        if (killGraceMs === 0) {
          signalGroup(pid, 'SIGKILL')
          return
        }
        signalGroup(pid, 'SIGTERM')
        signalGroup(pid, 'SIGCONT') // a stopped process would not hear it
        killTimer = setTimeout(() => signalGroup(pid, 'SIGKILL'), killGraceMs)
      },
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

/** The words before a command that make the kernel kill it when this process dies; none where setpriv can't. */
function findDeathSignalPrefix(path: string): string[] {
  const [setpriv] = process.platform === 'linux' ? findAllInPath('setpriv', path) : []
  if (!setpriv) return []
  try {
    execFileSync(setpriv, ['--pdeathsig', 'KILL', setpriv, '--version'], { stdio: 'ignore', timeout: 2000 })
    return [setpriv, '--pdeathsig', 'KILL', '--']
  } catch {
    return []
  }
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
