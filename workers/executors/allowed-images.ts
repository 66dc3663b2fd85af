/** A reference to an image, its defaults written out: `alpine` is `docker.io/library/alpine:latest`. */
interface ImageReference {
  /** With its registry. */
  repository: string
  /** Null when there is a digest and no tag. */
  tag: string | null
  /** `sha256:…` */
  digest: string | null
}

const host = '(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?)'
const component = '(?:[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)'
const grammar = new RegExp(
  `^(?<name>(?:${host}/)?${component}(?:/${component})*)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
)
const imageId = /^sha256:[0-9a-f]{64}$/
const everyBelow = '/*'
const mostChars = 255

/** Which images `container` jobs may use. */
export interface AllowedImages {
  has(reference: string): boolean
  /** For messages. */
  entries: readonly string[]
}

/**
 * Entries: `python:3.13` or `python@sha256:…` for exactly that, `python` for any tag and digest of it, `registry.example/team/*` for all below, and
 * `sha256:…` for an image by its id. @throws Error naming one that is none of these
 */
export function readAllowedImages(entries: readonly string[]): AllowedImages {
  const tests = entries.map(testOf)
  return {
    has: (text) => tests.some((test) => test(text)),
    entries,
  }
}

type ImageTest = (text: string) => boolean

function testOf(entry: string): ImageTest {
  if (imageId.test(entry)) return (text) => text === entry
  if (entry.endsWith(everyBelow)) {
    const base = parse(`${entry.slice(0, -1)}x`)
    if (!base) throw misread(entry)
    const prefix = base.repository.slice(0, -1)
    return (text) => parse(text)?.repository.startsWith(prefix) === true
  }
  const allowed = parse(entry)
  if (!allowed) throw misread(entry)
  const isAnyTag = !allowed.digest && !namesTag(entry)
  return (text) => {
    const asked = parse(text)
    if (asked?.repository !== allowed.repository) return false
    if (isAnyTag) return true
    // The engine looks at the digest only where there is one: a tag beside it says nothing.
    if (allowed.digest) return asked.digest === allowed.digest
    return asked.digest === null && asked.tag === allowed.tag
  }
}

const misread = (entry: string): Error =>
  new Error(
    `${entry.slice(0, 200)} is no image: name a repository, with :tag or @sha256:… for one image of it, or end it with /* for all below.`,
  )

const namesTag = (text: string): boolean => grammar.exec(text)?.groups?.['tag'] !== undefined

function parse(text: string): ImageReference | null {
  const { name, tag, digest } = (text.length <= mostChars && grammar.exec(text)?.groups) || {}
  if (name === undefined) return null
  return { repository: fullName(name), tag: tag ?? (digest ? null : 'latest'), digest: digest ?? null }
}

/** As Docker completes names: what stands before the first slash is a registry when it looks like a host. */
function fullName(name: string): string {
  const [first = '', ...rest] = name.split('/')
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  if (!isHost) return `docker.io/${rest.length === 0 ? 'library/' : ''}${name}`
  if (first !== 'docker.io' && first !== 'index.docker.io') return name
  return `docker.io/${rest.length === 1 ? 'library/' : ''}${rest.join('/')}`
}
