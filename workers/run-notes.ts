import { setTimeout as delay } from 'node:timers/promises'
import type { Json } from '../queue/domain/job.ts'
import type { Run } from '../queue/intake/runs.ts'
import { isWorthRetrying } from '../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { Platform } from './platform.ts'
import type { TaskContext } from './task.ts'

export interface RunNotes extends Pick<TaskContext, 'progress' | 'checkpoint' | 'lastCheckpoint'> {
  /** The task is over: stores what it told last, within a limit of time. To be called before its end is stored: an ended job takes no notes. */
  close(): Promise<void>
  /** True when the run has kept a checkpoint. */
  hasKept(): boolean
}

export type NotesDeps = Pick<QueueDeps, 'log'> & {
  platform: Pick<Platform, 'noteProgress' | 'keepCheckpoint' | 'findCheckpoint'>
}

/** Progress is stored no more often than that. */
const progressEveryMs = 500
const retryEveryMs = 500
/** How long an end waits for its last notes. */
const closeDeadlineMs = 3000
const noteChars = 500

/** What a run tells about itself while it goes on: the newest progress and the newest checkpoint, one write of each in flight. */
export function openNotes(
  deps: NotesDeps,
  { job, boot }: Run,
  options: { checkpointBytes: number; progressMs?: number },
): RunNotes {
  const { checkpointBytes, progressMs = progressEveryMs } = options
  let closer: AbortController | undefined
  const closing = (): AbortController => (closer ??= new AbortController())
  let told: { progress: number; note: string | null } | undefined
  let progressLoop: Promise<void> | undefined
  let due: { value: Json; settle: ((isStored: boolean) => void)[] } | undefined
  let checkpointLoop: Promise<void> | undefined
  let hasKept = false

  async function storeProgress(): Promise<void> {
    while (told) {
      const note = { id: job.id, fence: job.fence, ...told }
      told = undefined
      try {
        await deps.platform.noteProgress(boot.id, note)
      } catch (error) {
        deps.log.debug('progress could not be stored', { jobId: job.id, error }) // the next one tells more
      }
      await delay(progressMs, undefined, { signal: closing().signal }).catch(() => undefined)
    }
    progressLoop = undefined
  }

  async function storeCheckpoints(): Promise<void> {
    while (due && !boot.ended.aborted) {
      const { value, settle } = due
      due = undefined
      let isStored = false
      try {
        const checkpoint = { jobId: job.id, fence: job.fence, attempt: job.attempt, value }
        isStored = await deps.platform.keepCheckpoint(boot.id, checkpoint)
        hasKept ||= isStored
      } catch (error) {
        if (isWorthRetrying(error)) {
          // Unless a newer one has come meanwhile, which answers for this one too.
          due = { value: newer()?.value ?? value, settle: [...settle, ...(newer()?.settle ?? [])] }
          await delay(retryEveryMs)
          continue
        }
        deps.log.warn('a checkpoint could not be stored', { jobId: job.id, error })
      }
      for (const each of settle) each(isStored)
    }
    for (const each of due?.settle ?? []) each(false)
    due = undefined
    checkpointLoop = undefined
  }

  const newer = (): typeof due => due

  return {
    progress(percent, note) {
      told = {
        progress: Math.round(Math.min(100, Math.max(0, percent))),
        note: note === undefined ? null : note.slice(0, noteChars).replaceAll('\0', '\uFFFD').toWellFormed(),
      }
      progressLoop ??= storeProgress()
    },
    checkpoint(value) {
      const bytes = Buffer.byteLength(JSON.stringify(value))
      if (bytes > checkpointBytes) {
        deps.log.warn('a checkpoint is too large and was not kept', { jobId: job.id, bytes, checkpointBytes })
        return Promise.resolve(false)
      }
      return new Promise((resolve) => {
        due = { value, settle: [...(due?.settle ?? []), resolve] }
        checkpointLoop ??= storeCheckpoints()
      })
    },
    lastCheckpoint: () => (job.attempt > 1 ? deps.platform.findCheckpoint(job) : Promise.resolve(null)),
    async close() {
      if (!progressLoop && !checkpointLoop) return // most runs tell nothing, and a timer costs more than they do
      closing().abort()
      const stored = Promise.all([progressLoop, checkpointLoop])
      const late = new AbortController()
      await Promise.race([
        stored,
        delay(closeDeadlineMs, undefined, { signal: late.signal }).catch(() => undefined),
      ])
      late.abort()
    },
    hasKept: () => hasKept,
  }
}
