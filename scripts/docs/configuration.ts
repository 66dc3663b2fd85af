import { options } from '../../core/config-options.ts'
import { code, page, table } from './markdown.ts'

/** Which process reads an option is a heading; the first option of each, in the order of the schema. */
const headings: Record<string, string> = {
  LOG_LEVEL: 'All processes',
  PORT: 'Gateway',
  TIERS: 'Jobs and nodes, for all processes',
  TIER: 'Workers',
  NOODLE_HOME: '`npm start` and the command line',
}

export function renderConfiguration(): string {
  const parts: string[] = []
  let rows: string[][] = []
  let heading = ''
  const close = (): void => {
    if (rows.length > 0) parts.push(`## ${heading}`, table(['option', 'default', 'unit', 'what'], rows))
    rows = []
  }
  for (const [name, schema] of Object.entries(options)) {
    if (headings[name] !== undefined) {
      close()
      heading = headings[name]
    }
    const { description = '', unit, secret } = schema.meta() ?? {}
    const row = [code(name), defaultOf(schema), typeof unit === 'string' ? unit : '']
    rows.push([...row, `${description}${secret === true ? ' A secret: never shown or logged.' : ''}`])
  }
  close()
  return page(
    'Configuration',
    `Each process reads its options once, when it starts: the default, then \`config/<NOODLE_ENV>.yaml\`, then the environment, then the file that
\`<NAME>_FILE\` names (for secrets, as Docker and Kubernetes mount them); the later one wins, and an empty variable counts as not set. A wrong value
stops the start with a message that names it. \`noodle config\` shows every value and where it comes from. [config/](../config/) has an example for
development and one for production; a file is a mapping of option names to values.`,
    ...parts,
  )
}

function defaultOf(schema: (typeof options)[keyof typeof options]): string {
  const parsed = schema.safeParse(undefined)
  if (!parsed.success) return 'none, needed'
  if (parsed.data === undefined) return ''
  if (Array.isArray(parsed.data) && parsed.data.every((one) => typeof one === 'string'))
    return parsed.data.length === 0 ? '' : code(parsed.data.join(','))
  return code(typeof parsed.data === 'string' ? parsed.data : JSON.stringify(parsed.data))
}
