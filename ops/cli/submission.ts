import type { Json } from '../../queue/domain/job.ts'
import { CliError } from './cli-error.ts'
import { readJson } from './read-input.ts'

/** The options of submit, as they were given. */
export interface SubmitOptions {
  payload?: string
  requirement?: string
  cpu?: number
  memoryMb?: number
  gpu?: number
  priority?: number
  delay?: number
  runAt?: string
  timeout?: number
  expires?: string
  attempts?: number
  backoff?: number
  strategy?: string
  escalateTier?: true
  label?: Record<string, string>
  cache?: number
}

/**
 * The body of POST /v1/jobs. What the gateway can judge is left to it.
 * @throws CliError when words and options contradict each other
 */
export function toSubmission(task: string, words: readonly string[], options: SubmitOptions): object {
  const { requirement, cpu, memoryMb, gpu, attempts, backoff, strategy, escalateTier } = options
  const resources = { cpu, memoryMb, gpu }
  const retry = { maxAttempts: attempts, backoffMs: backoff, strategy, escalateTier }
  return {
    task,
    payload: toPayload(task, words, options.payload),
    requirement,
    resources: isEmpty(resources) ? undefined : resources,
    priority: options.priority,
    delayMs: options.delay,
    runAt: options.runAt,
    timeoutMs: options.timeout,
    expiresAt: options.expires,
    retry: isEmpty(retry) ? undefined : retry,
    labels: options.label,
    cache: options.cache === undefined ? undefined : { ttlSeconds: Math.ceil(options.cache / 1000) },
  }
}

/** For `command` the words are a program and its arguments; for other tasks one word may be the payload. */
function toPayload(task: string, words: readonly string[], payload: string | undefined): Json | undefined {
  const [word, ...others] = words
  if (payload !== undefined) {
    if (words.length > 0) throw wrong('Give the payload by --payload or after the task, not both.')
    return readJson(payload, 'The payload')
  }
  if (task === 'command') return words.length > 0 ? { argv: [...words] } : undefined
  if (others.length > 0)
    throw wrong(`${task} takes one payload, but ${String(words.length)} words were given; quote the JSON.`)
  return word === undefined ? undefined : readJson(word, 'The payload')
}

const isEmpty = (fields: object): boolean => Object.values(fields).every((value) => value === undefined)

const wrong = (message: string): CliError => new CliError(message, { exitCode: 2 })
