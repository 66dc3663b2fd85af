import type { Cluster } from '../cluster.ts'
import type { JobMix } from '../job-kinds.ts'
import type { Profile } from '../profiles.ts'
import type { Random } from '../random.ts'

export type FaultGroup = 'none' | 'process' | 'crash' | 'redis' | 'postgres' | 'network' | 'pairs'

/** What a fault works on. */
export interface Scene {
  cluster: Cluster
  profile: Profile
  random: Random
  /** Tells what was drawn, for the log of the campaign: which process, how long. */
  tell(detail: string): void
}

export interface Fault {
  /** Stands in reports; what is drawn within a fault does not. */
  name: string
  group: FaultGroup
  /** Breaks something, and resolves when it is whole again. @throws when it could not be carried out */
  strike(scene: Scene): Promise<void>
  /** The jobs that it shows best with; by default a bit of everything. */
  mix?: JobMix
  /** Why it can't be carried out on this machine; else it can. */
  missing?: () => string | undefined
}

/** How long an outage of this cycle lasts, in ms. */
export function drawOutageMs({ profile, random }: Pick<Scene, 'profile' | 'random'>): number {
  return random.between(...profile.outageMs)
}
