import type { Cluster } from '../cluster.ts'
import type { JobMix } from '../job-kinds.ts'
import type { Journal } from '../journal.ts'
import type { Profile } from '../profiles.ts'
import type { Promises } from '../promises.ts'
import type { Random } from '../random.ts'
import type { JobSnapshot } from '../snapshot.ts'
import type { Workload } from '../workload.ts'

export type FaultGroup =
  | 'none'
  | 'process'
  | 'crash'
  | 'redis'
  | 'postgres'
  | 'network'
  | 'clock'
  | 'load'
  | 'rolling'
  | 'pairs'
  | 'promises'

/** What a fault works on. */
export interface Scene {
  cluster: Cluster
  profile: Profile
  random: Random
  /** The clients of this cycle. */
  workload: Workload
  journal: Journal
  promises: Promises
  /** Tells what was drawn, for the log of the campaign: which process, how long. */
  tell(detail: string): void
  /** Has the record of this cycle's jobs looked at when all have ended. */
  afterwards(look: (jobs: ReadonlyMap<string, JobSnapshot>) => void): void
}

export interface Fault {
  /** Stands in reports; what is drawn within a fault does not. */
  name: string
  group: FaultGroup
  /** Breaks something, and resolves when it is whole again. @throws when it could not be carried out, or something was seen that must not be */
  strike(scene: Scene): Promise<void>
  /** The jobs that it shows best with; by default a bit of everything. */
  mix?: JobMix
  /** Why it can't be carried out on this machine; else it can. */
  missing?: () => string | undefined
  /** True for one that replaces or stops a whole store or every process: beside it no other can be carried out. */
  isAlone?: boolean
}

/** How long an outage of this cycle lasts, in ms. */
export function drawOutageMs({ profile, random }: Pick<Scene, 'profile' | 'random'>): number {
  return random.between(...profile.outageMs)
}
