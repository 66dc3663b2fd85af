import type { Artifact } from '../../client/src/contract.ts'
import { showBytes } from './bytes.ts'
import { tableOf } from './table.ts'

/** Artifacts for a person; nothing for none. */
export const artifactTable = (items: readonly Artifact[]): string[] =>
  items.length === 0
    ? []
    : tableOf(items, [
        { title: 'ARTIFACT', value: ({ name }) => name },
        { title: 'SIZE', value: ({ bytes }) => showBytes(bytes), align: 'right' },
        { title: 'ATTEMPT', value: ({ attempt }) => attempt, align: 'right' },
        { title: 'TYPE', value: ({ contentType }) => contentType },
      ])
