import { CommanderError } from 'commander'
import { ConfigError } from '../../core/config.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import { ApiError } from './api-client.ts'
import { CliError } from './cli-error.ts'
import { makeProgram } from './program.ts'
import { oneLine } from './text.ts'

/**
 * Runs one command line, without `node` and the script's name.
 * @returns the exit code: 0 done, 1 the thing failed, 2 wrong usage
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = makeProgram()
  try {
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // it has printed its help or what is wrong
    const isJson = program.opts<{ json?: boolean }>().json === true
    process.stderr.write(`${isJson ? JSON.stringify(describe(error)) : sentences(error).join('\n')}\n`)
    return error instanceof CliError ? error.exitCode : 1
  }
}

function describe(error: unknown): object {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof ApiError)) return { error: { message } }
  const { status, requestId, fields } = error
  return { error: { message, status, requestId, ...(fields.length > 0 && { errors: fields }) } }
}

function sentences(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)]
  if (error instanceof ApiError) {
    const { message, fields, requestId } = error
    return [
      oneLine(message),
      ...fields.map((field) => `  ${oneLine(field.path || 'request')}: ${oneLine(field.message)}`),
      ...(requestId === undefined ? [] : [`  request ${oneLine(requestId)}`]),
    ]
  }
  const isExpected = error instanceof CliError || error instanceof ConfigError || error instanceof QueueError
  return [isExpected ? error.message : (error.stack ?? error.message)]
}
