import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CliError } from './cli-error.ts'
import { readText } from './read-input.ts'

/**
 * A password: the first line of stdin with `isStdin`, else asked on the terminal without showing it. Never an argument, which others could read in ps.
 * @throws CliError when there is neither
 */
export async function readPassword(question: string, isStdin: boolean): Promise<string> {
  if (!isStdin && process.stdin.isTTY) return ask(question)
  const line = isStdin ? (readText('-').split(/\r?\n/, 1)[0] ?? '') : ''
  if (line === '')
    throw new CliError(
      'There is no password: give it on stdin with --password-stdin, or run this in a terminal.',
      {
        exitCode: 2,
      },
    )
  return line
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question)
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    const ended = once(terminal, 'close').then(() => {
      throw new CliError('No password was given.', { exitCode: 2 })
    })
    const [line] = (await Promise.race([once(terminal, 'line'), ended])) as [string]
    ended.catch(() => undefined)
    return line
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
