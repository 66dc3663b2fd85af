import { spawn } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { silentLogger } from '../../core/logger.ts'
import { ownMark } from '../../workers/executors/worker-mark.ts'
import { makeOrphanSweeper } from '../../workers/orphan-sweeper.ts'
import { makeRuns } from '../../queue/intake/runs.ts'
import { cleanUp } from '../support/clean-up.ts'
import { waitFor } from '../support/wait-for.ts'
import { aClaimedJob, isAlive } from './a-run.ts'

function aProcess(marks: Record<string, string>): number {
  const child = spawn('sleep', ['300'], { env: { PATH: '/usr/bin:/bin', ...marks }, detached: true })
  cleanUp(() => void child.kill('SIGKILL'))
  return child.pid ?? 0
}

test('what is left of jobs and attempts that are over is killed, again and again; the rest is let be', async () => {
  const mark = `${ownMark()}-sweeper`
  const runs = makeRuns()
  const boot = { id: 'any', ended: new AbortController().signal }
  const job = aClaimedJob({ fence: 7 })
  const run = runs.begin(job, boot)
  const marks = { NOODLE_WORKER: `${mark}-0`, NOODLE_JOB_ID: job.id, NOODLE_FENCE: '7' }

  const current = aProcess(marks)
  const ofFormerAttempt = aProcess({ ...marks, NOODLE_FENCE: '6' })
  const ofOtherJob = aProcess({ ...marks, NOODLE_JOB_ID: '01900000-0000-7000-8000-0000000000ab' })
  const ofNoJob = aProcess({ NOODLE_WORKER: `${mark}-0` })
  const ofOtherWorker = aProcess({ ...marks, NOODLE_WORKER: `${ownMark()}-0`, NOODLE_FENCE: '6' })
  const ofDeadWorker = aProcess({ ...marks, NOODLE_WORKER: ownMark().replace(/\d+$/, '1') })
  const sweeper = makeOrphanSweeper({ mark, runs, log: silentLogger, everyMs: 20 })
  cleanUp(() => sweeper.stop())
  await sweeper.start()
  await waitFor(() => ![ofFormerAttempt, ofOtherJob, ofDeadWorker].some(isAlive))
  expect([current, ofNoJob, ofOtherWorker].map(isAlive)).toEqual([true, true, true])

  runs.end(run)
  await waitFor(() => !isAlive(current))
  expect([ofNoJob, ofOtherWorker].map(isAlive)).toEqual([true, true])
})
