import type { RunLimits } from '../../queue/intake/slots.ts'
import type { LogSink } from '../task.ts'
import { TaskFailure } from '../task.ts'
import { commandEnvironment } from './command-environment.ts'
import { makeOutputTail } from './output-tail.ts'
import type { Channel, ProcessGroup } from './process-groups.ts'
import { stderrTailBytes, type TaskProcessOptions, type TaskProgram } from './process-task.ts'
import { startProgram } from './start-program.ts'

/** The processes of one module, each for one run at a time. */
export interface WarmProcesses {
  /** One that waits and has worked for the same tenant only, or a new one; what it prints goes to the log. @throws TaskFailure SPAWN_FAILED */
  take(log: LogSink, limits: RunLimits | null, tenant: string): WarmProcess
}

export interface WarmProcess {
  group: ProcessGroup
  channel: Channel
  /** The end of what it has written there, for a message. */
  stderr(): string
  /** Keeps it for the next run. Only after a run that ended well; any other is to be stopped. */
  giveBack(): void
}

/** How many idle processes a worker keeps, over all of its modules. */
export interface WarmRoom {
  /** Takes place in the room; the oldest is sent away when it is full, and each after its idle time. To be called back when it leaves by itself. */
  enter(sendAway: () => void): () => void
}

/** A process may collect what it does not free. */
const mostRuns = 1000

export function makeWarmRoom(options: { most: number; idleMs: number }): WarmRoom {
  const idle = new Map<symbol, { sendAway: () => void; timer: NodeJS.Timeout }>()

  function remove(key: symbol): void {
    clearTimeout(idle.get(key)?.timer)
    idle.delete(key)
  }

  function sendAway(key: symbol): void {
    const entry = idle.get(key)
    remove(key)
    entry?.sendAway()
  }

  return {
    enter(away) {
      const key = Symbol('idle process')
      idle.set(key, { sendAway: away, timer: setTimeout(sendAway, options.idleMs, key).unref() })
      for (const oldest of idle.keys()) {
        if (idle.size <= options.most) break
        sendAway(oldest)
      }
      return () => remove(key)
    },
  }
}

export function makeWarmProcesses(
  program: TaskProgram,
  options: TaskProcessOptions & { warm: WarmRoom },
): WarmProcesses {
  const { groups, inherited, warm } = options
  /** The newest last: it is taken first, so that the others may grow old. */
  const idle: { limits: RunLimits | null; tenant: string; wake: (log: LogSink) => WarmProcess }[] = []

  function begin(firstLog: LogSink, limits: RunLimits | null, tenant: string): WarmProcess {
    let log: LogSink | null = firstLog
    let stderr = makeOutputTail(stderrTailBytes)
    let runs = 1
    const group = startProgram(groups, {
      file: program.file,
      args: program.args,
      env: { ...commandEnvironment(inherited, { scratch: '/', marks: {} }), ...program.env },
      limits,
      cwd: '/', // each run has its scratch folder
      stdin: undefined,
      hasChannel: true,
      onStdout: (piece) => log?.write('stdout', piece),
      onStderr(piece) {
        stderr.push(piece)
        log?.write('stderr', piece)
      },
    })
    const { channel } = group
    if (!channel) throw new TaskFailure('SPAWN_FAILED', `${program.file} could not be started.`)
    /** Takes it off the idle ones. */
    let rouse = (): void => undefined
    const process: WarmProcess = {
      group,
      channel,
      stderr: () => stderr.text(),
      giveBack() {
        log = null
        if (runs >= mostRuns) {
          group.stop(0)
          return
        }
        const entry = {
          limits,
          tenant,
          wake(next: LogSink) {
            rouse()
            log = next
            stderr = makeOutputTail(stderrTailBytes)
            runs++
            return process
          },
        }
        idle.push(entry)
        let leaveRoom = (): void => undefined
        rouse = () => {
          leaveRoom()
          const place = idle.indexOf(entry)
          if (place >= 0) idle.splice(place, 1)
        }
        // A room without any place sends it away at once.
        leaveRoom = warm.enter(() => {
          rouse()
          group.stop(0)
        })
      },
    }
    const gone = (): void => rouse()
    group.ended.then(gone, gone)
    return process
  }

  return {
    take(log, limits, tenant) {
      const fit = idle.findLast(
        (entry) =>
          entry.tenant === tenant &&
          entry.limits?.memoryMb === limits?.memoryMb &&
          entry.limits?.cpus === limits?.cpus,
      )
      return fit?.wake(log) ?? begin(log, limits, tenant)
    },
  }
}
