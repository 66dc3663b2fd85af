import type { Component } from '../core/lifecycle.ts'
import { within } from '../core/within.ts'
import type { ClaimLoopOptions, Intake } from '../queue/intake/claim-loop.ts'
import type { Runs } from '../queue/intake/runs.ts'
import { type HoldDeps, type HoldOptions, holdJob } from './hold-job.ts'

export interface JobHolder {
  /** Runs a job that is ours to its end. */
  carry: ClaimLoopOptions['carry']
  /** Takes what comes by the intake. Stopped, it lets what runs go on for a while, and hands back what is left. */
  takeFrom(intake: Intake): Component
}

/** How long storing the last ends may take after the drain deadline. */
const lastWordsMs = 2000

/** The jobs of this process, from when they have come until they are let go. */
export function makeJobHolder(
  deps: HoldDeps,
  options: HoldOptions & {
    runs: Runs
    /** How long running jobs may go on after a stop was asked for; the last `killGraceMs` of it are for killing. */
    drainDeadlineMs: number
  },
): JobHolder {
  const { runs, drainDeadlineMs } = options
  const { log } = deps
  const abandon = new AbortController()
  let isHandingBack = false

  async function drain(): Promise<void> {
    const graceMs = Math.min(options.killGraceMs, drainDeadlineMs)
    if (!(await within(drainDeadlineMs - graceMs, runs.untilNone()))) {
      log.info('running jobs are stopped and handed back', { runs: runs.count() })
      isHandingBack = true
      runs.stopAll({ reason: 'stopping', killGraceMs: graceMs })
      if (!(await within(graceMs + lastWordsMs, runs.untilNone())))
        log.warn('not all jobs could be handed back; the reaper takes them', { runs: runs.count() })
    }
    abandon.abort()
  }

  return {
    carry(run, onRan) {
      if (isHandingBack) run.stopping.abort({ reason: 'stopping', killGraceMs: 0 })
      return holdJob(deps, run, options, { abandon: abandon.signal, onRan })
    },
    takeFrom: (intake) => ({
      name: intake.name,
      start: () => intake.start(),
      async stop() {
        intake.stopIntake()
        await drain()
        await intake.stop()
      },
    }),
  }
}
