import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The first code of a language on a page of docs/, or below a heading of it, as it stands there. */
export function exampleOf(page: string, language: string, heading = ''): string {
  const whole = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8')
  const text = whole.slice(whole.indexOf(`\n## ${heading}`))
  const [, code] = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(text) ?? []
  if (code === undefined) throw new Error(`${page} has no ${language}.`)
  return code
}
