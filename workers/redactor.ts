import { secretLines } from '../queue/domain/secret.ts'

/** Hides the values of secrets in what a run tells: each occurrence becomes `[secret NAME]`. */
export interface Redactor {
  text(text: string): string
  /** For output that comes in pieces. What may be the begin of a secret is held back until the next piece. */
  stream(): { push(piece: Buffer): Buffer; end(): Buffer }
  /** The name of a secret that the text holds. */
  findIn(text: string): string | undefined
}

/**
 * A value is found as it is, line by line, and as JSON, a URL or base64 write it by itself; what a task makes of it otherwise is not.
 * Matching on bytes goes over strings of one character a byte.
 */
export function makeRedactor(values: Readonly<Record<string, string>>): Redactor {
  const ofText = makeMatcher(values, (form) => form)
  const ofBytes = makeMatcher(values, (form) => Buffer.from(form).toString('latin1'))
  return {
    text: (text) => ofText.replaceAll(text),
    findIn: (text) => ofText.find(text),
    stream() {
      let held = ''
      return {
        push(piece) {
          const { shown, rest } = ofBytes.replaceSettled(held + piece.toString('latin1'))
          held = rest
          return Buffer.from(shown, 'latin1')
        },
        end() {
          const shown = ofBytes.replaceAll(held)
          held = ''
          return Buffer.from(shown, 'latin1')
        },
      }
    },
  }
}

function makeMatcher(values: Readonly<Record<string, string>>, write: (form: string) => string) {
  const names = new Map<string, string>()
  for (const [name, value] of Object.entries(values))
    for (const form of formsOf(value)) names.set(write(form), name)
  // Where several begin at one place, the longest.
  const forms = [...names.keys()].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(forms.map(escape).join('|') || '(?!)', 'g')
  const shownAs = (form: string): string => `[secret ${names.get(form) ?? ''}]`

  /** From where on the text may be the begin of a form whose end has not come yet. */
  function openFrom(text: string): number {
    let from = text.length
    for (const form of forms) {
      const first = form.charAt(0)
      let at = text.indexOf(first, Math.max(0, text.length - form.length + 1))
      while (at >= 0 && at < from && !form.startsWith(text.slice(at))) at = text.indexOf(first, at + 1)
      if (at >= 0) from = Math.min(from, at)
    }
    return from
  }

  return {
    replaceAll: (text: string): string => text.replace(pattern, shownAs),
    find(text: string): string | undefined {
      pattern.lastIndex = 0
      const match = pattern.exec(text)
      return match ? names.get(match[0]) : undefined
    },
    replaceSettled(text: string): { shown: string; rest: string } {
      let shown = ''
      let rest = text
      for (;;) {
        const open = openFrom(rest)
        pattern.lastIndex = 0
        const match = pattern.exec(rest)
        // One that begins where a longer one may begin waits for what comes.
        if (!match || match.index >= open)
          return { shown: shown + rest.slice(0, open), rest: rest.slice(open) }
        shown += rest.slice(0, match.index) + shownAs(match[0])
        rest = rest.slice(match.index + match[0].length)
      }
    },
  }
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

function formsOf(value: string): string[] {
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '')
  const plain = [value, value.trimEnd(), ...secretLines(value)]
  return [
    ...plain,
    ...plain.map((text) => JSON.stringify(text).slice(1, -1)),
    encodeURIComponent(value),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
  ].filter((form) => form.length > 0)
}
