import type { FileHandle } from 'node:fs/promises'
import type { Artifact } from '../queue/store/artifacts-table.ts'
import type { Run } from '../queue/intake/runs.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import { listBeneath, openBeneath } from './executors/folder-beneath.ts'
import { persist } from './persist.ts'
import type { Platform } from './platform.ts'
import { type LogSink, PermanentFailure } from './task.ts'

export interface ArtifactLimits {
  /** Of all artifacts of a run together. */
  bytes: number
  /** Files. */
  count: number
}

export type ArtifactDeps = Pick<QueueDeps, 'log'> & {
  platform: Pick<Platform, 'putArtifact' | 'keepArtifacts'>
}

/** Files that are stored at once. */
const atOnce = 4
/** Entries of the folder that are looked at, for each file that may be kept, and besides. */
const entriesPerFile = 2
const moreEntries = 1000
/** Left out files that the log names. */
const mostTold = 20

/** For how long a store that is away is waited for: as for a result, and shortly when the run has failed anyway. */
const patienceMs = { succeeded: 600_000, failed: 5000 }

/**
 * Stores the files of a folder as artifacts of a run. What is no plain file with one name is left out, and the log says so.
 * When the run has failed, what fits its limits is kept, and nothing is thrown.
 * @throws PermanentFailure ARTIFACTS_TOO_LARGE; TaskFailure BLOBS_UNAVAILABLE; the signal's reason
 */
export async function keepArtifacts(
  deps: ArtifactDeps,
  run: Pick<Run, 'job' | 'boot'>,
  folder: string,
  options: { limits: ArtifactLimits; log: LogSink; signal: AbortSignal; hasFailed: boolean },
): Promise<void> {
  const { job, boot } = run
  const { limits, log, signal, hasFailed } = options
  const trying = {
    ...{ deps, jobId: job.id, signal },
    patienceMs: hasFailed ? patienceMs.failed : patienceMs.succeeded,
  }
  const kept: Artifact[] = []
  let leftOut = 0
  let bytes = 0

  function leaveOut(name: string, why: string): void {
    leftOut++
    if (leftOut <= mostTold) log.tell(`The artifact ${JSON.stringify(name)} is left out: ${why}.`)
    if (leftOut === mostTold) log.tell('More that are left out are not told.')
  }

  function tooLarge(message: string): void {
    if (!hasFailed) throw new PermanentFailure('ARTIFACTS_TOO_LARGE', message)
    log.tell(`Some artifacts are left out: ${message}`)
  }

  async function listFiles(): Promise<string[]> {
    const names: string[] = []
    for await (const { name, problem } of listBeneath(folder, limits.count * entriesPerFile + moreEntries)) {
      if (problem !== null) leaveOut(name, problem)
      else if (names.length < limits.count) names.push(name)
      else {
        tooLarge(`There are more than the ${String(limits.count)} files of ARTIFACT_LIMIT_COUNT.`)
        break
      }
    }
    return names
  }

  async function keepOne(name: string): Promise<void> {
    const file = await openBeneath(folder, name).catch((error: unknown) => {
      leaveOut(name, `it can not be opened: ${(error as Error).message}`)
    })
    if (!file) return
    try {
      const stat = await file.stat()
      if (!stat.isFile()) leaveOut(name, 'it is no file')
      else if (stat.nlink > 1) leaveOut(name, 'it is a hard link, and so may be a file from elsewhere')
      else if (bytes + stat.size > limits.bytes)
        tooLarge(
          `${name} and those before it have more than the ${String(limits.bytes)} bytes of ARTIFACT_LIMIT_BYTES.`,
        )
      else {
        bytes += stat.size
        const { sha256 } = await persist(
          () => deps.platform.putArtifact(job, name, contentOf(file, stat.size), signal),
          trying,
        )
        kept.push({ name, bytes: stat.size, sha256 })
      }
    } finally {
      await file.close()
    }
  }

  try {
    const left = await listFiles()
    if (left.length === 0) return
    const keepNext = async (): Promise<void> => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) await keepOne(name)
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, keepNext))
    await persist(() => deps.platform.keepArtifacts(boot.id, job, kept), trying)
  } catch (error) {
    if (!hasFailed) throw error
    if (!signal.aborted) log.tell(`The artifacts could not be kept: ${(error as Error).message}`)
  }
}

/** As many bytes as it had when it was looked at, whoever writes to it meanwhile. Each call begins at its begin. */
function contentOf(file: FileHandle, bytes: number) {
  if (bytes === 0) return Buffer.alloc(0)
  return { stream: file.createReadStream({ start: 0, end: bytes - 1, autoClose: false }), bytes }
}
