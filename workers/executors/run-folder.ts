import type { TaskContext } from '../task.ts'
import { removeScratch, type ScratchFolders } from './scratch-folders.ts'

export interface RunFolder {
  /** Empty. The present folder of the run's processes, their HOME and TMPDIR. */
  scratch: string
  /** Beside it, for many a program wants to begin in an empty folder: files that are left here are the run's artifacts. */
  artifacts: string
}

/**
 * Does a run's work in folders of its own, which are removed afterwards; what is in that of artifacts by then is kept, unless the run was stopped. Of
 * a run that failed as much is kept as can be, and its failure is what is told.
 */
export async function inRunFolder<T>(
  scratchFolders: ScratchFolders,
  context: Pick<TaskContext, 'job' | 'signal' | 'keepArtifacts'>,
  work: (folder: RunFolder) => Promise<T>,
): Promise<T> {
  const { signal } = context
  const scratch = await scratchFolders.create(context.job.id)
  const artifacts = await scratchFolders.createBeside(scratch, 'artifacts')
  try {
    let result: T
    try {
      result = await work({ scratch, artifacts })
    } catch (error) {
      if (!signal.aborted) await context.keepArtifacts(artifacts, { hasFailed: true })
      throw error
    }
    if (!signal.aborted) await context.keepArtifacts(artifacts, { hasFailed: false })
    return result
  } finally {
    await Promise.all([removeScratch(scratch), removeScratch(artifacts)])
  }
}
