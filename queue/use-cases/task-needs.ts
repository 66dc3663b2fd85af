import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { Resources } from '../domain/job.ts'
import { defaultNeed, type DefaultUse } from '../domain/rightsizing.ts'
import type { Tier } from '../domain/tiers.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What jobs ask for whose submissions say nothing of it, where an operator lets the platform decide that (RIGHTSIZE_TASKS). */
export interface TaskNeeds extends Component {
  /** At least what the task declares; null where that is all there is to say. */
  of(task: string, tier: Tier, declared: Partial<Resources>): Resources | null
}

/** All tasks. */
export const everyTask = '*'

/** @param rightsized names of tasks, or `*`; asked each time, for a reload changes it */
export function makeTaskNeeds(
  deps: Pick<QueueDeps, 'jobs' | 'log'>,
  rightsized: () => readonly string[],
  everyMs = 300_000,
): TaskNeeds {
  const keyOf = (tier: string, task: string): string => `${tier} ${task}`
  let uses = new Map<string, DefaultUse>()
  const loop = every(
    everyMs,
    async () => {
      const known = rightsized().length === 0 ? [] : await deps.jobs.readDefaultUse()
      uses = new Map(known.map((use) => [keyOf(use.tier, use.task), use]))
    },
    { name: 'task needs', log: deps.log },
  )
  return {
    name: loop.name,
    start: () => loop.start(),
    stop: () => loop.stop(),
    of(task, tier, declared) {
      const names = rightsized()
      if (!names.includes(task) && !names.includes(everyTask)) return null
      const use = uses.get(keyOf(tier.name, task))
      return use ? defaultNeed(use, declared, tier) : null
    },
  }
}
