import { readFileSync } from 'node:fs'
import type { Json } from '../../queue/domain/job.ts'
import { CliError } from './cli-error.ts'

/** What an argument stands for: `-` for stdin, `@file` for a file, else itself. @throws CliError for a file that can't be read */
export function readInput(argument: string): string {
  if (argument !== '-' && !argument.startsWith('@')) return argument
  return readText(argument === '-' ? '-' : argument.slice(1))
}

/** A file's text, or stdin's for `-`. */
export function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new CliError(
      `${file === '-' ? 'stdin' : file} can't be read: ${error instanceof Error ? error.message : String(error)}`,
      {
        exitCode: 2,
      },
    )
  }
}

/** @throws CliError when it is no JSON */
export function readJson(argument: string, name: string): Json {
  const text = readInput(argument)
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw new CliError(
      `${name} is not JSON: ${error instanceof Error ? error.message : String(error)}. Text needs quotes of its own: '"text"'.`,
      { exitCode: 2 },
    )
  }
}
