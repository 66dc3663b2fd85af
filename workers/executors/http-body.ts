import type { Json } from '../../queue/domain/job.ts'

export interface ToldBody {
  body: Json
  encoding: 'json' | 'text' | 'base64'
}

const jsonType = /^[^;]*[/+]json\s*(;|$)/i
const textType =
  /^\s*(text\/|[^;]*[/+](json|xml|yaml|javascript|ecmascript|x-www-form-urlencoded|x-ndjson)\s*(;|$))/i

/** Strings that Postgres' jsonb refuses: NUL characters, and halves of characters, as JSON.stringify writes them. */
const unstorable = /\\u0000|\\ud[89a-f]/

/** Tells a body as JSON when it is, as text when that is what its type says, else in base64. A cut body is no JSON. */
export function tellBody(bytes: Buffer, contentType: string | undefined, isCut: boolean): ToldBody {
  const text = isText(contentType) ? decode(bytes, contentType) : null
  if (text === null) return { body: bytes.toString('base64'), encoding: 'base64' }
  if (!isCut && contentType !== undefined && jsonType.test(contentType)) {
    const value = parse(text)
    if (value !== undefined) return { body: value, encoding: 'json' }
  }
  return { body: text, encoding: 'text' }
}

/** The begin of a body, for a message. */
export function showBody({ body, encoding }: ToldBody, chars: number): string {
  if (encoding === 'base64') return ''
  const text = (typeof body === 'string' ? body : JSON.stringify(body)).trim()
  return text.length > chars ? `${text.slice(0, chars)}…` : text
}

const isText = (contentType: string | undefined): boolean =>
  contentType === undefined || textType.test(contentType)

/** Null for what is no text in the charset that its type names; UTF-8 by default. */
function decode(bytes: Buffer, contentType = ''): string | null {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([\w:.-]+)/i.exec(contentType) ?? []
  try {
    // As a stream: a character that was cut at the end is left out.
    const text = new TextDecoder(charset, { fatal: true }).decode(bytes, { stream: true })
    return text.includes('\0') ? null : text
  } catch {
    return null
  }
}

/** Undefined for what is no JSON, or none that can be stored. */
function parse(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json
    return unstorable.test(JSON.stringify(value)) ? undefined : value
  } catch {
    return undefined // no JSON, or deeper than JSON.stringify goes
  }
}
