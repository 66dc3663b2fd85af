import { availableParallelism, totalmem } from 'node:os'
import type { Tier } from '../../queue/domain/tiers.ts'
import { unlessSet } from './start.ts'

/** Programs that show what a job can do, and tell nothing of the machine's files but figures. */
const harmlessPrograms = ['date', 'echo', 'factor', 'nproc', 'seq', 'sha256sum', 'uname', 'wc']

const mebibyte = 1024 * 1024

/** The options of a worker of this machine, for jobs of one tier. */
export const workerEnvironment = ({ name, cpu, memoryMb, gpu }: Tier): Record<string, string> => ({
  TIER: name,
  // Each tier can be tried, whatever the machine has: it counts as one that is as large as the tier.
  ...unlessSet('NODE_CPUS', String(Math.max(cpu, availableParallelism()))),
  ...unlessSet('NODE_MEMORY_MB', String(Math.max(memoryMb, Math.floor(totalmem() / mebibyte)))),
  ...unlessSet('NODE_GPUS', String(gpu)),
  ...unlessSet('TASK_COMMAND_ALLOW', harmlessPrograms.join(',')),
})
