import { jobStates, terminalStates, transitions } from '../../queue/domain/job-state.ts'
import { page, table } from './markdown.ts'

export function renderJobStates(): string {
  const rows = Object.entries(transitions).map(([name, { from, to, writer, guard }]) => [
    name,
    from.length === 0 ? '(none)' : from.join(', '),
    to.join(', '),
    writer,
    guard,
  ])
  return page(
    'Job states',
    `A job is in one of ${String(jobStates.length)} states: ${jobStates.join(', ')}. The last ${String(terminalStates.length)} are ends; no job leaves them.`,
    `\`\`\`
                 ┌──────── another attempt, handed back, node lost ────────┐
                 v                                                         │
 submit ──T1──> pending ──T2──> queued ──T3──> running ──T5, T6, T7────────┤
                 │                │              │                         │
                 │                │              └──T4──> succeeded        ├──> failed
                 ├───────T8───────┴──> cancelled                           └──> cancelled, when its flag is set (T9)
                 └───────T10──────┴──> expired

 blocked: waits for other jobs; arrives with workflows
\`\`\``,
    `Every change is one row of this table, one SQL statement that checks the state it comes from, and one event in the job's timeline, in the same transaction.
T9 sets the cancel flag of a running job and changes no state. T14 answers a job from the cache (docs/caching.md) while it is accepted: nobody ever sees it pending. The **fence** is a number that grows with every claim of a job; a holder with an older one is
not believed. The **boot** is one life of a node; when its lease runs out, the reaper gives its jobs back.`,
    table(['', 'from', 'to', 'who writes', 'what must hold'], rows),
  )
}
