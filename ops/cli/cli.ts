import { type ApiClient, makeApiClient } from './api-client.ts'
import { openSession } from './session.ts'

/** What every command takes. */
export interface Cli {
  /** The gateway, logged in. @throws CliError when none is known */
  connect(): ApiClient
  /** The command's answer, on stdout: as JSON with --json, else in lines for a person. */
  show(value: unknown, lines: () => string | readonly string[]): void
  /** A piece of the answer as it is, on stdout. */
  write(text: string): void
  /** Something beside the answer, on stderr: stdout may be read by a program. */
  note(text: string): void
  isJson(): boolean
  /** Ends the command with exit code 1; what failed was said already. */
  fail(): void
}

export function makeCli(isJson: () => boolean): Cli {
  return {
    connect() {
      const { url, token } = openSession()
      return makeApiClient(url, token)
    },
    show(value, lines) {
      const text = isJson() ? JSON.stringify(value, null, 2) : [lines()].flat().join('\n')
      if (text !== '') process.stdout.write(`${text}\n`)
    },
    write(text) {
      process.stdout.write(text)
    },
    note(text) {
      process.stderr.write(`${text}\n`)
    },
    isJson,
    fail() {
      process.exitCode = 1
    },
  }
}
