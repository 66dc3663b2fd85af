import { sourceOf, type OptionName } from '../../core/config.ts'
import type { Secrets } from './home.ts'
import { keepRunning, type Kept, type Running } from './keep-running.ts'

/** What the parts of the start share. */
export interface Start {
  print: (line: string) => void
  home: string
  secrets: Secrets
  /** Fires when the platform shall stop. */
  stopSignal: AbortSignal
  /** Fires when it shall not wait for running jobs. */
  killSignal: AbortSignal
  /** Stops the platform because of a trouble. */
  giveUp: (message: string) => void
  /** What has to be stopped; the last one first. */
  undo: (() => unknown)[]
}

/** Starts a part of the platform and keeps it up. */
export function keep<T extends Running>(
  { print, giveUp, stopSignal }: Pick<Start, 'print' | 'giveUp' | 'stopSignal'>,
  name: string,
  begin: (signal: AbortSignal) => Promise<T>,
): Promise<Kept<T>> {
  const kept = keepRunning({
    name,
    start: (signal) =>
      begin(signal).catch((cause: unknown) => {
        throw new Error(`${name} does not start: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        })
      }),
    say: print,
    giveUp,
    signal: stopSignal,
  })
  kept.catch(() => {}) // whoever awaits all of them hears of the first failure only
  return kept
}

/** Stops a part that may not have come up. */
export async function stop(kept: Promise<Kept<Running>> | undefined): Promise<void> {
  const started = await kept?.catch(() => undefined)
  await started?.stop()
}

export const isSet = (name: OptionName): boolean => sourceOf(name) !== 'default'

/** What somebody set for us is theirs to decide. */
export const unlessSet = (name: OptionName, value: string): Record<string, string> =>
  isSet(name) ? {} : { [name]: value }
