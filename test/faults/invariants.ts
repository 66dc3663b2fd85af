import { canMove, isTerminal } from '../../queue/domain/job-state.ts'
import { expectedEnds, expectedErrors } from './job-kinds.ts'
import type { Journal } from './journal.ts'
import type { JobSnapshot } from './snapshot.ts'

/** Something that must never be (docs/reliability-report.md lists them). */
export interface Violation {
  invariant: string
  what: string
  job?: JobSnapshot | undefined
}

type Report = (invariant: string, what: string, job?: JobSnapshot) => void

/** What can be told of jobs from the record, the journal and the effect log. `cycle` limits the journal to what it accepted. */
export function checkJobs(
  jobs: ReadonlyMap<string, JobSnapshot>,
  journal: Journal,
  cycle?: number,
): Violation[] {
  const violations: Violation[] = []
  const report: Report = (invariant, what, job) => {
    violations.push({ invariant, what, job })
  }
  checkPromises(jobs, journal, cycle, report)
  for (const job of jobs.values()) {
    checkPath(job, report)
    checkSuccess(job, report)
    checkEnd(job, journal, report)
    checkEffects(job, journal.setBack.has(job.id), report)
  }
  return violations
}

/** I1, I6, I11: the record against what was promised. */
function checkPromises(
  jobs: ReadonlyMap<string, JobSnapshot>,
  journal: Journal,
  cycle: number | undefined,
  report: Report,
): void {
  for (const accepted of journal.accepted.values()) {
    if (
      (cycle === undefined || accepted.cycle === cycle) &&
      !jobs.has(accepted.id) &&
      !journal.lost.has(accepted.id)
    )
      report('I1', `job ${accepted.id} (${accepted.kind}) was acknowledged and has no row`)
  }
  for (const [key, all] of journal.answersByKey) {
    const ids = [...all].filter((id) => !journal.lost.has(id)) // with a lost job its key is forgotten
    if (ids.length > 1)
      report('I11', `the key ${key} was answered with ${ids.length} jobs: ${ids.join(', ')}`)
  }
  const ofRequest = new Map<string, JobSnapshot>()
  for (const job of jobs.values()) {
    const other = ofRequest.get(job.request)
    if (other) report('I11', `the request ${job.request} made two jobs, ${other.id} and ${job.id}`, job)
    ofRequest.set(job.request, job)
    if (!journal.accepted.has(job.id) && !journal.unanswered.has(job.request))
      report('I6', `job ${job.id} exists, but no answer to its request ${job.request} told of it`, job)
  }
}

/** I4: events are a path of the table of transitions, and fences grow. */
function checkPath(job: JobSnapshot, report: Report): void {
  let fence = 0
  job.events.forEach((event, i) => {
    const from = job.events[i - 1]?.state ?? null
    if (event.seq !== i + 1) report('I4', `event ${i + 1} of job ${job.id} has number ${event.seq}`, job)
    if (!canMove(from, event.state))
      report('I4', `job ${job.id} went from ${from ?? 'nothing'} to ${event.state}`, job)
    if (event.state === 'running') {
      if (event.fence === null || event.fence <= fence)
        report('I4', `job ${job.id} was claimed with fence ${String(event.fence)} after ${fence}`, job)
      fence = event.fence ?? fence
    } else if (from === 'running' && event.fence !== fence) {
      report('I4', `job ${job.id} left fence ${fence} by an event of fence ${String(event.fence)}`, job)
    }
  })
  const last = job.events.at(-1)?.state ?? 'nothing'
  if (last !== job.state) report('I4', `job ${job.id} is ${job.state}, but its last event says ${last}`, job)
}

/** I3: one success, by the attempt that the job shows. */
function checkSuccess(job: JobSnapshot, report: Report): void {
  const successes = job.events.filter((event) => event.state === 'succeeded')
  if (successes.length > 1 || job.succeededFences.length > 1)
    report(
      'I3',
      `job ${job.id} succeeded ${Math.max(successes.length, job.succeededFences.length)} times`,
      job,
    )
  if (job.state !== 'succeeded') return
  if (job.succeededFences[0] !== job.fence || successes[0]?.fence !== job.fence)
    report(
      'I3',
      `job ${job.id} has a success of fence ${String(job.succeededFences[0])}, but stands at ${job.fence}`,
      job,
    )
  if (job.isResultWrong) report('I3', `job ${job.id} has another result than its task gave`, job)
}

/** I2, I12: it ended, and as its kind must. */
function checkEnd(job: JobSnapshot, journal: Journal, report: Report): void {
  if (!isTerminal(job.state)) {
    report('I2', `job ${job.id} (${job.kind}) is still ${job.state}`, job)
    return
  }
  if (!expectedEnds[job.kind].includes(job.state))
    report(
      'I12',
      `job ${job.id} (${job.kind}) ended as ${job.state} with ${job.errorCode ?? 'no error'}`,
      job,
    )
  const expectedError = expectedErrors[job.kind]
  if (job.state === 'failed' && expectedError !== undefined && job.errorCode !== expectedError)
    report('I12', `job ${job.id} (${job.kind}) failed with ${job.errorCode ?? 'no error'}`, job)
  if (journal.cancelled.has(job.id) && job.state !== 'cancelled' && !journal.setBack.has(job.id))
    report('I12', `job ${job.id} was answered as cancelled and ended as ${job.state}`, job)
  const late = job.events.find(
    (event) => event.state === 'running' && job.expiresAt !== null && event.at > job.expiresAt,
  )
  if (late) report('I12', `job ${job.id} was started after it had expired`, job)
}

/**
 * I9, I12: what the witness outside of both stores saw. Of a job that was set back by the promotion of a standby it saw also runs that the record has
 * forgotten: they end with the next renewal of their node, and are only counted (campaign.ts).
 */
function checkEffects(job: JobSnapshot, isSetBack: boolean, report: Report): void {
  const wasStarted = job.events.some((event) => event.state === 'running')
  if (!wasStarted && job.effects.length > 0 && !isSetBack)
    report('I12', `job ${job.id} never started and had an effect`, job)
  let newest = 0
  for (const { fence, phase } of job.effects) {
    if (phase === 'begin' && fence === newest)
      report('I9', `job ${job.id} was begun twice under fence ${fence}`, job)
    if (fence < newest && !isSetBack)
      report('I9', `job ${job.id} went on under fence ${fence} after fence ${newest} had begun`, job)
    newest = Math.max(newest, fence)
  }
  const hasEffect = ['effect', 'long effect', 'outlasting effect'].includes(job.kind)
  if (
    hasEffect &&
    job.state === 'succeeded' &&
    !job.effects.some(({ fence, phase }) => fence === job.fence && phase === 'end')
  )
    report('I3', `job ${job.id} succeeded under fence ${job.fence} without its effect`, job)
}
