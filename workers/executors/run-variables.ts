import type { TaskContext } from '../task.ts'

/** What tells a program, in its environment, for which run it works and which GPUs are its own: none is an empty list, which hides them all. */
export function runVariables(
  { job, gpus }: Pick<TaskContext, 'job' | 'gpus'>,
  artifacts: string | null,
): Record<string, string> {
  return {
    NOODLE_JOB_ID: job.id,
    ...(artifacts !== null && { NOODLE_ARTIFACTS: artifacts }),
    NOODLE_ATTEMPT: String(job.attempt),
    NOODLE_FENCE: String(job.fence),
    NOODLE_GPUS: gpus.join(','),
    CUDA_VISIBLE_DEVICES: gpus.join(','),
  }
}
