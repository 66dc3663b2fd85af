import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { cleanUp } from './clean-up.ts'
import { python } from './python-test.ts'

/** Where the Python files are that users copy. */
export const pythonExamples = join(import.meta.dirname, '../../docs/examples/python')

/** How long a program of a test may take, on a machine that does much else. */
const programMs = 25_000

export interface PythonProgram {
  pid: number
  /** What it printed so far, on both streams. */
  output(): string
  /** Resolves when it has ended by itself, with its exit code; null when a signal ended it. */
  exited: Promise<number | null>
  kill(signal: NodeJS.Signals): void
}

/** Starts Python code that finds the examples by import. It is killed after the test, if it still runs then. */
export function startPython(
  arguments_: string[],
  env: Record<string, string> = {},
  program = python ?? 'python3',
): PythonProgram {
  const child = spawn(program, arguments_, {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      PYTHONPATH: pythonExamples,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  cleanUp(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    kill: (signal) => void child.kill(signal),
  }
}

/**
 * Runs Python code to its end and gives what its last line says in JSON.
 * @throws Error with what it printed, when it fails or takes too long
 */
export async function runPython(code: string, env: Record<string, string> = {}): Promise<unknown> {
  const program = startPython(['-c', code], env)
  const timer = setTimeout(() => program.kill('SIGKILL'), programMs)
  const exitCode = await program.exited
  clearTimeout(timer)
  const last = program.output().trimEnd().split('\n').at(-1) ?? ''
  if (exitCode !== 0) throw new Error(`The program ended with ${String(exitCode)}:\n${program.output()}`)
  return JSON.parse(last)
}
