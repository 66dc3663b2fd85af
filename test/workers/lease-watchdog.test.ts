import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { waitFor } from '../support/wait-for.ts'
import { isAlive } from './a-run.ts'

/** A process of this folder, which the watchdog kills in the end. */
function start(file: string): { child: ChildProcess; ended: Promise<{ signal: unknown; output: string }> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, file)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return { child, ended: once(child, 'close').then(([, signal]: unknown[]) => ({ signal, output })) }
}

test('a process whose event loop hangs beyond its lease is killed, and its process groups with it', async () => {
  const { signal, output } = await start('hanging-process.ts').ended
  expect(signal).toBe('SIGKILL')
  expect(output).toMatch(/^\d+\nlived\nThe event loop hung until the lease of this node ran out/)
  await waitFor(() => !isAlive(parseInt(output)))
})

test('of one that was stopped as a whole until then only the process groups die, also when its event loop is late', async () => {
  const { child, ended } = start('stopping-process.ts')
  const { pid = 0 } = child
  await waitFor(() => /^State:\s+T/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8')))
  await delay(300) // beyond its lease, and longer than the watchdog takes for slowness
  child.kill('SIGCONT')
  const { signal, output } = await ended
  expect(signal).toBe('SIGKILL')
  expect(output).toMatch(/^the child is dead\nlived on\nThe event loop hung/)
})
