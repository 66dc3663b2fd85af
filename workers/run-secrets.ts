import { setTimeout as delay } from 'node:timers/promises'
import type { ClaimedJob } from '../queue/domain/job.ts'
import { isWorthRetrying } from '../queue/use-cases/finish-job.ts'
import type { SecretsRead } from '../queue/use-cases/read-secrets.ts'
import { makeRedactor } from './redactor.ts'
import { PermanentFailure, type TaskContext, TaskFailure } from './task.ts'

/** Reads secrets of the tenant of a job; absent on a node without a key. */
export type ReadSecrets = (job: ClaimedJob, names: readonly string[]) => Promise<SecretsRead>

/** What a run needs of its task's secrets: their values, and that nothing else of it tells them. */
export interface RunSecrets {
  /** In place of the context's own: they hide the values, and keep no checkpoint that holds one. */
  guarded: Pick<TaskContext, 'log' | 'progress' | 'checkpoint' | 'secrets' | 'redact'>
  /** Of a result as JSON. @throws PermanentFailure RESULT_INVALID when it holds a secret */
  checkResult(text: string): void
  /** The run is over: what was held back of its output follows. */
  end(): void
}

const retryMs = 500

/**
 * Reads the secrets that a task has declared, for the tenant of the job. While Postgres is away it goes on trying, until the run is stopped.
 * @throws TaskFailure SECRET_UNAVAILABLE naming the secret, and what to do
 */
export async function openRunSecrets(
  job: ClaimedJob,
  names: readonly string[],
  read: ReadSecrets | undefined,
  context: Pick<TaskContext, 'signal' | 'log' | 'progress' | 'checkpoint'>,
): Promise<RunSecrets> {
  const secrets = await readAll(job, names, read, context.signal)
  const { log, progress, checkpoint } = context
  const redactor = makeRedactor(secrets)
  const streams = { stdout: redactor.stream(), stderr: redactor.stream() }
  return {
    guarded: {
      secrets,
      redact: (text) => redactor.text(text),
      log: {
        write: (stream, piece) => log.write(stream, streams[stream].push(piece)),
        tell: (text) => log.tell(redactor.text(text)),
      },
      progress: (percent, note) => progress(percent, note === undefined ? undefined : redactor.text(note)),
      checkpoint(value) {
        const name = redactor.findIn(JSON.stringify(value))
        if (name === undefined) return checkpoint(value)
        log.tell(`A checkpoint holds the secret ${name} and is not kept.`)
        return Promise.resolve(false)
      },
    },
    checkResult(text) {
      const name = redactor.findIn(text)
      if (name !== undefined)
        throw new PermanentFailure('RESULT_INVALID', `The result holds the secret ${name}; leave it out.`)
    },
    end() {
      for (const stream of ['stdout', 'stderr'] as const) {
        const rest = streams[stream].end()
        if (rest.length > 0) log.write(stream, rest)
      }
    },
  }
}

async function readAll(
  job: ClaimedJob,
  names: readonly string[],
  read: ReadSecrets | undefined,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { task, tenant } = job
  const what = (name: string): string => `The task ${task} uses the secret ${name}`
  if (!read)
    throw new TaskFailure(
      'SECRET_UNAVAILABLE',
      `${what(names[0] ?? '')}, but its node has no key for secrets: set SECRETS_KEY there.`,
    )
  for (;;) {
    signal.throwIfAborted()
    try {
      const answer = await read(job, names)
      if ('values' in answer) return answer.values
      const { missing, why } = answer
      switch (why) {
        case 'not set':
          throw new PermanentFailure(
            'SECRET_UNAVAILABLE',
            `${what(missing)}, which the tenant ${tenant} has not set: noodle secrets set ${missing}, then replay the job.`,
          )
        case 'no key':
          throw new TaskFailure(
            'SECRET_UNAVAILABLE',
            `${what(missing)}, which was encrypted with a key that its node does not have: give it as SECRETS_KEY or in SECRETS_PREVIOUS_KEYS.`,
          )
        case 'damaged':
          throw new PermanentFailure(
            'SECRET_UNAVAILABLE',
            `${what(missing)}, but what is stored of it is damaged: set it anew with noodle secrets set ${missing}.`,
          )
      }
    } catch (error) {
      if (error instanceof TaskFailure || !isWorthRetrying(error)) throw error
      await delay(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
