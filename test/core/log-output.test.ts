import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { waitFor } from '../support/wait-for.ts'

interface Talker {
  child: ChildProcess
  /** What it told last. */
  told: { rounds: number; waiting: number }
  /** Asks it to stop, and resolves with its exit code. */
  stop(): Promise<unknown>
}

/** A process that goes on logging. Nobody reads its lines yet. */
function startTalker(): Talker {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'a-talking-process.ts')], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const talker: Talker = {
    child,
    told: { rounds: 0, waiting: 0 },
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      return code
    },
  }
  child.on('message', (message) => Object.assign(talker.told, message))
  cleanUp(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return talker
}

test('a process whose log has no reader any more goes on, and stops when it is asked to', async () => {
  const { child, told, stop } = startTalker()
  await waitFor(() => told.rounds > 0)
  child.stdout?.destroy()
  const before = told.rounds
  await waitFor(() => told.rounds > before + 50)
  expect(child.exitCode).toBeNull()
  expect(await stop()).toBe(0)
})

test('lines that nobody reads wait in memory up to a limit, and a reader who comes back hears how many are missing', async () => {
  const { child, told } = startTalker()
  const mib = 1024 ** 2
  await waitFor(() => told.rounds * 100_000 > 20 * mib)
  expect(told.waiting).toBeLessThanOrEqual(8 * mib)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => (text += piece.replaceAll(/x+/g, 'x')))
  await waitFor(() => /"log lines were left out[^\n]*\n/.test(text))
  const line = text.split('\n').find((one) => one.includes('left out')) ?? ''
  expect(JSON.parse(line)).toMatchObject({ level: 'warn', lines: expect.any(Number) })
})
