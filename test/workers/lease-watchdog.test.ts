import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { waitFor } from '../support/wait-for.ts'
import { isAlive } from './a-run.ts'

test('a process whose event loop hangs beyond its lease is killed, and its process groups with it', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hanging-process.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  expect(signal).toBe('SIGKILL')
  expect(output).toMatch(/^\d+\nlived\nThe event loop hung until the lease of this node ran out/)
  await waitFor(() => !isAlive(parseInt(output)))
})
