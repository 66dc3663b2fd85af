import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanUp } from './clean-up.ts'

export const noodle = join(import.meta.dirname, '../../bin/noodle')

export interface CliAnswer {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `noodle` as a process of its own, with nothing of our environment but what it needs to start. */
export async function runCli(
  args: readonly string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
): Promise<CliAnswer> {
  const child = spawn(noodle, args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: 'pipe',
  })
  const answer: CliAnswer = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (answer.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (answer.stderr += text))
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ ...answer, code })
    })
  })
}

/** A folder that is removed after the test. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-cli-'))
  cleanUp(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
