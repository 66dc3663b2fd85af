import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Tells when jobs change: at once by signal, else by looking once a second, however many watch. */
export interface JobWatch extends Component {
  /** Resolves true when the job has ended, false after the timeout or when the caller gives up. */
  whenEnded(id: string, timeoutMs: number, givenUp: AbortSignal): Promise<boolean>
  /** Calls back after the job may have changed; the answer ends it. */
  onChange(id: string, changed: () => void): () => void
}

export function makeJobWatch(deps: Pick<QueueDeps, 'jobs' | 'signals' | 'log'>): JobWatch {
  const watchers = new Map<string, Set<() => void>>()
  const ending = new Map<string, Set<() => void>>()

  const add = (registry: Map<string, Set<() => void>>, id: string, callback: () => void) => {
    const callbacks = registry.get(id) ?? new Set()
    registry.set(id, callbacks.add(callback))
    return () => {
      callbacks.delete(callback)
      if (callbacks.size === 0 && registry.get(id) === callbacks) registry.delete(id)
    }
  }

  const loop = every(
    1000,
    async () => {
      for (const callbacks of [...watchers.values()]) for (const callback of [...callbacks]) callback()
      if (ending.size === 0) return
      for (const id of await deps.jobs.findEnded([...ending.keys()]))
        for (const callback of [...(ending.get(id) ?? [])]) callback()
    },
    { name: 'job watch', log: deps.log },
  )

  return {
    name: loop.name,
    async start() {
      await loop.start()
      await deps.signals.onChanged((ids) => {
        let isEnding = false
        for (const id of ids) {
          for (const callback of [...(watchers.get(id) ?? [])]) callback()
          isEnding ||= ending.has(id)
        }
        if (isEnding) loop.nudge()
      })
    },
    stop: () => loop.stop(),
    async whenEnded(id, timeoutMs, givenUp) {
      return new Promise((resolve) => {
        const settle = (hasEnded: boolean) => {
          clearTimeout(timer)
          forget()
          givenUp.removeEventListener('abort', giveUp)
          resolve(hasEnded)
        }
        const giveUp = () => settle(false)
        const timer = setTimeout(giveUp, timeoutMs)
        const forget = add(ending, id, () => settle(true))
        givenUp.addEventListener('abort', giveUp)
        loop.nudge() // it may have ended before we began to watch
      })
    },
    onChange: (id, changed) => add(watchers, id, changed),
  }
}
