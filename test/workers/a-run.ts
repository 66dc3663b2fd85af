import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClaimedJob, Json } from '../../queue/domain/job.ts'
import type { RunBlobs } from '../../workers/run-blobs.ts'
import type { LogSink, TaskContext } from '../../workers/task.ts'
import { cleanUp } from '../support/clean-up.ts'
import { waitFor } from '../support/wait-for.ts'

/** A job as a claim answers with it. */
export function aClaimedJob(fields: Partial<ClaimedJob> = {}): ClaimedJob {
  return {
    id: '01900000-0000-7000-8000-0000000000aa',
    tenant: 'wonderland',
    task: 'echo',
    tier: 'small',
    payload: null,
    payloadRef: null,
    resources: { cpu: 0, memoryMb: 0, gpu: 0 },
    timeoutMs: 60_000,
    retry: { maxAttempts: 3, backoffMs: 0, strategy: 'fixed' },
    attempt: 1,
    failures: 0,
    handBacks: 0,
    fence: 7,
    cacheKey: null,
    waitedMs: 0,
    ...fields,
  }
}

/** For runs whose log is of no interest. */
export const noLog: LogSink = { write: () => undefined, tell: () => undefined }

/** For runs that take no notes, and have no secrets. */
export const noNotes: Pick<
  TaskContext,
  'progress' | 'checkpoint' | 'lastCheckpoint' | 'secrets' | 'redact' | 'keepArtifacts'
> = {
  keepArtifacts: () => Promise.resolve(),
  secrets: {},
  redact: (text) => text,
  progress() {},
  checkpoint: () => Promise.resolve(false),
  lastCheckpoint: () => Promise.resolve(null),
}

/** For runs whose payload and result are small. */
export const noBlobs: RunBlobs = {
  payloadOf: (job) => Promise.resolve(job.payload),
  keepResult: () => Promise.resolve(null),
  keepArtifacts: () => Promise.resolve(),
}

/** A folder that is gone after the test. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-worker-test-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The payload of a `command` that is a shell script. */
export const aScript = (script: string, more: Record<string, Json> = {}): Json => ({
  argv: ['sh', '-c', script],
  ...more,
})

/** A script whose leader and whose child ignore SIGTERM for ever; their process ids go to the files `leader` and `child` of the folder. */
export const stubbornScript = (folder: string): string =>
  `trap "" TERM; (trap "" TERM; exec sleep 300) & echo $! > ${folder}/child; echo $$ > ${folder}/leader; wait; while :; do sleep 0.1; done`

export async function readPid(file: string): Promise<number> {
  return waitFor(() => Number(readFileSync(file, 'utf8')))
}

/** False for a process that is gone, also when nobody has waited for it yet. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))
  } catch {
    return false
  }
}
