import type { FleetSettings, Pilot } from '../simulate.ts'
import type { Workload } from '../workload.ts'
import { makeCpuThreshold } from './cpu-threshold.ts'
import { makeDemandPacking } from './demand-packing.ts'
import { makeFixedPeak } from './fixed-peak.ts'
import { makeKedaHpa } from './keda-hpa.ts'
import { makeQueueDelay } from './queue-delay.ts'
import { makeRequestCount } from './request-count.ts'
import { makeTwoLines } from './two-lines.ts'
import { makeUtilisation } from './utilisation.ts'

/** Other policies to hold Noodle's against, by the name that `noodle simulate --policies` takes. */
export const rivals = {
  'fixed-peak': makeFixedPeak,
  'cpu-threshold': makeCpuThreshold,
  'keda-hpa': makeKedaHpa,
  'request-count': makeRequestCount,
  'queue-delay': makeQueueDelay,
  'demand-packing': makeDemandPacking,
  utilisation: makeUtilisation,
  'two-lines': makeTwoLines,
} satisfies Record<string, (workload: Workload, settings: FleetSettings) => Pilot>
