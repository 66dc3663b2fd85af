import type { SourceChange } from './change-source.ts'

/** A version of the product whose workers read rows up to another format: what a rolling upgrade mixes. */
export const readFormat = (newest: number): SourceChange => ({
  file: 'queue/store/jobs/claim.ts',
  apply(source) {
    const declaration = /export const formatVersion = \d+/
    if (!declaration.test(source)) throw new Error('claim.ts does not tell any more which formats it reads.')
    return source.replace(declaration, `export const formatVersion = ${String(newest)}`)
  },
})
