import { openCgroupsV1 } from './cgroups-v1.ts'
import { openCgroupsV2 } from './cgroups-v2.ts'
import type { Cgroups } from './cgroups.ts'

/** Those of version 1 where its controllers are there, else of version 2; null where neither is ours to write to. */
export const openCgroups = (mark: string): Cgroups | null => openCgroupsV1(mark) ?? openCgroupsV2(mark)
