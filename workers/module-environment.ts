/** The environment of a process whose runs follow one another: what the processes that it starts inherit names the run. */
export function setRunEnvironment(run: {
  id: string
  attempt: number
  fence: number
  scratch: string
  artifacts: string
  gpus: readonly (number | string)[]
}): void {
  process.env['NOODLE_JOB_ID'] = run.id
  process.env['NOODLE_ARTIFACTS'] = run.artifacts
  process.env['NOODLE_ATTEMPT'] = String(run.attempt)
  process.env['NOODLE_FENCE'] = String(run.fence)
  process.env['NOODLE_GPUS'] = process.env['CUDA_VISIBLE_DEVICES'] = run.gpus.join(',')
  process.env['HOME'] = process.env['TMPDIR'] = run.scratch
}

/** True when a task's file is only asked what it is. */
export const isDescribing = (): boolean => process.env['NOODLE_DESCRIBE'] === '1'
