/*
 * What is too large for a row is a blob, and the row refers to it (claim check). Keys are made here only, from ids of ours and from names that were
 * looked at: `<tenant>/<job>/payload`, `<tenant>/<job>/<fence>/result`, `<tenant>/<job>/<fence>/artifacts/<name>`. With the fence in its key, what a former
 * holder stores late can't take the place of anything.
 */

/** A blob as a row refers to it. */
export interface BlobRef {
  key: string
  bytes: number
  /** In hexadecimal digits; held against what is read. */
  sha256: string
}

interface KeyOwner {
  tenant: string
  id: string
}

/** Begins the keys of all blobs of a job. */
export const jobPrefix = ({ tenant, id }: KeyOwner): string => `${escapeSegment(tenant)}/${id}/`

export const payloadKey = (job: KeyOwner): string => `${jobPrefix(job)}payload`

export const resultKey = (job: KeyOwner & { fence: number }): string =>
  `${jobPrefix(job)}${String(job.fence)}/result`

/** @throws Error for a name with a problem: it should have been looked at before */
export function artifactKey(job: KeyOwner & { fence: number }, name: string): string {
  const problem = artifactNameProblem(name)
  if (problem !== null) throw new Error(`An artifact was named ${JSON.stringify(name)}, which ${problem}.`)
  return `${jobPrefix(job)}${String(job.fence)}/artifacts/${escapeName(name)}`
}

/** The job that a key belongs to; null for a key that is not of this shape. */
export function jobOfKey(key: string): string | null {
  const [tenant = '', id = '', rest = ''] = key.split('/')
  return tenant !== '' && rest !== '' && idShape.test(id) ? id : null
}

const idShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Of the whole name: with the rest of the key below S3's 1024. */
const mostNameBytes = 512
/** File systems take 255, and room is left for what is written first under another name. */
const mostSegmentBytes = 200
const deepestName = 16

/** Why a relative path can't be the name of an artifact, to follow "which"; null for a good one. */
export function artifactNameProblem(name: string): string | null {
  if (name === '') return 'is empty'
  if (!name.isWellFormed()) return 'is not valid Unicode'
  if (/\p{Cc}/u.test(name)) return 'holds a control character'
  if (name.includes('\\')) return 'holds a backslash'
  if (Buffer.byteLength(escapeName(name)) > mostNameBytes)
    return `is longer than ${String(mostNameBytes)} bytes`
  const segments = name.split('/')
  if (segments.length > deepestName) return `is deeper than ${String(deepestName)} folders`
  for (const segment of segments) {
    if (segment === '') return 'is not a plain relative path'
    if (segment === '.' || segment === '..') return `has ${segment} in its path`
    if (Buffer.byteLength(escapeSegment(segment)) > mostSegmentBytes)
      return `has a part longer than ${String(mostSegmentBytes)} bytes`
  }
  return null
}

const escapeName = (name: string): string => name.split('/').map(escapeSegment).join('/')

/** One part of a path, whatever the store: what a shell, a URL or another file system would take for something else is written as %XX. */
const escapeSegment = (segment: string): string =>
  segment.replace(
    /[%"*:<>?|#&;]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
