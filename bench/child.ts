import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Starts a script and resolves with its first message; its errors go to our stderr. */
export async function startChild(
  script: string,
  env: Record<string, string>,
  onLine?: (line: string) => void,
): Promise<{ child: ChildProcess; first: Record<string, unknown>; stop: () => Promise<void> }> {
  const child = fork(script, [], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    // Such as --cpu-prof, to see where the time goes.
    execArgv: process.env['BENCH_EXEC_ARGV']?.split(' ') ?? [],
    stdio: ['ignore', onLine ? 'pipe' : 'ignore', 'inherit', 'ipc'],
  })
  if (onLine && child.stdout) createInterface({ input: child.stdout }).on('line', onLine)
  const exited = once(child, 'exit')
  const first = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (!first) throw new Error(`${script} ended before it was ready.`)
  return {
    child,
    first: first[0] as Record<string, unknown>,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
      await exited
      clearTimeout(timer)
    },
  }
}

export const pidOf = (child: ChildProcess): number => {
  if (child.pid === undefined) throw new Error('The process did not start.')
  return child.pid
}

/** User and system time of a process and, for servers that fork, of its children, in seconds (proc(5): clock ticks of 10 ms). */
export function cpuSeconds(pid: number): number {
  const fields = (of: number): string[] => {
    const stat = readFileSync(`/proc/${String(of)}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  }
  const own = fields(pid)
  // utime, stime, cutime, cstime are the fields 14 to 17; the first here is the third
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(own[field]), 0)
  return ticks / 100 + liveChildrenSeconds(pid, fields)
}

function liveChildrenSeconds(pid: number, fields: (of: number) => string[]): number {
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim()
  if (children === '') return 0
  let seconds = 0
  for (const child of children.split(' ').map(Number)) {
    try {
      const stat = fields(child)
      seconds += (Number(stat[11]) + Number(stat[12])) / 100
    } catch {
      // it has ended since
    }
  }
  return seconds
}
