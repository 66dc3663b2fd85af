import type { JobMix } from '../job-kinds.ts'
import type { SourceChange } from './change-source.ts'

/** The product with one of its safeguards taken out: the campaign must notice. */
export interface Mutant {
  name: string
  /** What it leaves out, for the report. */
  leavesOut: string
  changes: SourceChange[]
  /** The fault groups in which it can show. */
  shownBy: readonly ('none' | 'process' | 'redis' | 'postgres' | 'network')[]
  /** What it takes to show it within 50 cycles, where chance alone would need many more. */
  aim?: { only: string; outageMs: [number, number]; mix?: Partial<JobMix> }
}

/** @throws on load when the text is not there (any more): a mutant that changes nothing would be no control */
const replace = (file: string, ...edits: [find: RegExp, put: string][]): SourceChange => ({
  file,
  apply(source) {
    return edits.reduce((text, [find, put]) => {
      if (!find.test(text))
        throw new Error(`The mutant does not fit ${file} any more: ${String(find)} is not there.`)
      return text.replace(find, put)
    }, source)
  },
})

const claim = 'queue/store/jobs/claim.ts'
const finish = 'queue/store/jobs/finish.ts'

/** The nine that break the model (design.md), in the real system. */
export const mutants: Mutant[] = [
  {
    name: 'early-202',
    leavesOut: '202 only after the commit',
    shownBy: ['process', 'postgres'],
    changes: [
      replace('queue/use-cases/submit-jobs.ts', [
        /const answer = await accept\(deps, job, submission\.cache\)/,
        `accept(deps, job, submission.cache).catch(() => undefined)
  const answer = { kind: 'accepted', id: job.id, state: 'pending', createdAt: new Date(), dueAt: new Date() }`,
      ]),
    ],
  },
  {
    name: 'no-fence',
    leavesOut: 'the match of fence and boot when a job is finished',
    shownBy: ['network'],
    // A finish must arrive late, while another node runs the job: between the lease's end and the end of a long job.
    aim: {
      only: 'worker–postgres: holds',
      outageMs: [4300, 5800],
      mix: { 'long sleep': 30, 'long effect': 0 },
    },
    changes: [
      replace(
        finish,
        [/AND jobs\.fence = input\.fence AND jobs\.boot_id = input\.boot_id/, ''],
        // It writes under its own fence, as one would that asks for none.
        [/RETURNING place, jobs\.id, jobs\.fence/, 'RETURNING place, jobs.id, input.fence'],
      ),
    ],
  },
  {
    name: 'finish-any-state',
    leavesOut: 'the check of state and holder when a job is finished',
    shownBy: ['network', 'postgres'],
    changes: [
      replace(
        finish,
        [
          /AND jobs\.state \$\{byIdOnly\} = 'running' AND jobs\.fence = input\.fence AND jobs\.boot_id = input\.boot_id/,
          'AND jobs.fence = input.fence',
        ],
        [/(started_at FROM moved)(\s+\), event_rows)/, '$1 ON CONFLICT DO NOTHING$2'],
      ),
    ],
  },
  {
    name: 'claim-running',
    leavesOut: 'claims only from queued: running rows are claimed too',
    shownBy: ['redis', 'network'],
    changes: [
      replace(claim, [/jobs\.state \$\{byIdOnly\} = 'queued'/, "jobs.state IN ('queued', 'running')"]),
    ],
  },
  {
    name: 'claim-terminal',
    leavesOut: 'claims only from queued: ended rows are claimed too',
    shownBy: ['redis', 'network'],
    changes: [
      replace(claim, [
        /jobs\.state \$\{byIdOnly\} = 'queued'/,
        "jobs.state IN ('queued', 'succeeded', 'failed', 'cancelled')",
      ]),
    ],
  },
  {
    name: 'no-reaper',
    leavesOut: 'the reaper',
    shownBy: ['process'],
    changes: [
      replace('queue/use-cases/reap-nodes.ts', [/const \{ leaseMs/, 'if (deps) return\n  const { leaseMs']),
    ],
  },
  {
    name: 'no-reconciler',
    leavesOut: 'the reconciler',
    shownBy: ['redis'],
    changes: [
      replace('queue/use-cases/reconcile-deliveries.ts', [
        /if \(lost\.length === 0\) return 0/,
        'if (lost.length >= 0) return 0',
      ]),
    ],
  },
  {
    name: 'renewal-unread',
    leavesOut: 'the answer of a renewal: rows that the node holds but does not run stay',
    shownBy: ['network', 'postgres'],
    changes: [replace('workers/node-lease.ts', [/renewal\.held\.map\(/, 'renewal.held.slice(0, 0).map('])],
  },
  {
    name: 'cancel-unseen',
    leavesOut: 'the cancel flag when a run that failed or was stopped is finished',
    shownBy: ['none', 'process'],
    changes: [replace(finish, [/outcome <> 'succeeded' AND cancel_requested_at IS NOT NULL/, 'false'])],
  },
]
