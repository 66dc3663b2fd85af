import type { Role } from '../product-process.ts'
import type { SourceChange } from './change-source.ts'

/**
 * A place in the product where a process can be made to die: round a call of an exported function. `before` it is called, `during` it (what it
 * sends has been sent, its answer not read) or `after` it has succeeded. Nothing in the product knows of them: the function is wrapped as its module is
 * loaded.
 */
export interface CrashPoint {
  name: string
  role: Role
  file: string
  function: string
  when: 'before' | 'during' | 'after'
  /** What must be done so that the point is reached at all. */
  needs?: 'SIGTERM' | 'lost deliveries' | 'a dead worker'
}

const around = (
  name: string,
  place: Omit<CrashPoint, 'name' | 'when'>,
  whens: CrashPoint['when'][] = ['before', 'during', 'after'],
): CrashPoint[] => whens.map((when) => ({ ...place, name: `${name}.${when}`, when }))

const jobs = 'queue/store/jobs'
const useCases = 'queue/use-cases'

export const crashPoints: CrashPoint[] = [
  ...around('accept', { role: 'gateway', file: `${jobs}/accept.ts`, function: 'acceptJobs' }),
  ...around('answer', { role: 'gateway', file: 'api/http/jobs/submit-job.ts', function: 'answerSubmitted' }, [
    'before',
    'after',
  ]),
  ...around('cancel', { role: 'gateway', file: `${jobs}/cancel.ts`, function: 'requestCancel' }, [
    'during',
    'after',
  ]),
  ...around('dispatch', { role: 'ops', file: `${jobs}/dispatch.ts`, function: 'dispatchReady' }),
  ...around('deliver', { role: 'ops', file: `${useCases}/dispatch-jobs.ts`, function: 'deliver' }),
  ...around('claim', { role: 'worker', file: `${jobs}/claim.ts`, function: 'claimJobs' }),
  ...around('run', { role: 'worker', file: 'workers/run-task.ts', function: 'runTask' }),
  ...around('finish', { role: 'worker', file: `${jobs}/finish.ts`, function: 'finishJobs' }),
  ...around(
    'hand-back',
    { role: 'worker', file: `${useCases}/finish-job.ts`, function: 'handBackJob', needs: 'SIGTERM' },
    ['before', 'during'],
  ),
  ...around(
    'redispatch',
    { role: 'ops', file: `${jobs}/dispatch.ts`, function: 'redispatch', needs: 'lost deliveries' },
    ['during', 'after'],
  ),
  ...around(
    'reap',
    { role: 'ops', file: `${jobs}/reap.ts`, function: 'reapDeadNodes', needs: 'a dead worker' },
    ['during', 'after'],
  ),
]

/** The name under which the wrapped functions find what decides about their end. */
export const crashHook = 'noodleCrashHook'

/** Wraps the point's function. It calls itself under the old name, and so through the wrapper, as everybody does. */
export function wrap(point: CrashPoint): SourceChange {
  return {
    file: point.file,
    apply(source) {
      const declaration = new RegExp(`export (async )?function ${point.function}\\b`)
      if (!declaration.test(source)) throw new Error(`${point.file} exports no function ${point.function}.`)
      return `${source.replace(declaration, `$1function inner_${point.function}`)}
export function ${point.function}(...args) {
  return globalThis.${crashHook}(() => inner_${point.function}(...args))
}`
    },
  }
}

/** How long after a call began its request is surely on its way, and its answer most likely not back. */
const onItsWayMs = 1

/** What a wrapped function calls: lets `passes` calls by, and ends the process by SIGKILL at the one after. */
export function makeCrashHook(when: CrashPoint['when'], passes: number): (call: () => unknown) => unknown {
  let left = passes
  return async (call) => {
    const isLast = left-- <= 0
    if (isLast && when === 'before') die()
    if (isLast && when === 'during') setTimeout(die, onItsWayMs)
    const answer = await call()
    if (isLast && when === 'after') die()
    return answer
  }
}

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  for (;;); // the signal comes at once; nothing may happen before
}
