import { fileSchema } from '../../core/config-file.ts'
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
    if (rows.length > 0)
      parts.push(`## ${heading}`, table(['option', 'default', 'unit', 'live', 'what'], rows))
    rows = []
  }
  for (const [name, schema] of Object.entries(options)) {
    if (headings[name] !== undefined) {
      close()
      heading = headings[name]
    }
    const { description = '', unit, secret, isLive } = schema.meta() ?? {}
    const row = [
      code(name),
      defaultOf(schema),
      typeof unit === 'string' ? unit : '',
      isLive === true ? 'yes' : '',
    ]
    rows.push([...row, `${description}${secret === true ? ' A secret: never shown or logged.' : ''}`])
  }
  close()
  return page(
    'Configuration',
    `Each process reads its options when it starts: the default, then \`config/<NOODLE_ENV>.yaml\`, then the environment, then the file that
\`<NAME>_FILE\` names (for secrets, as Docker and Kubernetes mount them); the later one wins, and an empty variable counts as not set. A wrong value
stops the start with a message that names it.

A file is a mapping of option names to values, with \`schema: ${String(fileSchema)}\`, the version of its shape, at its top; a file of a later schema is refused. [config/](../config/) has an
example for development and one for production. Secrets do not belong in it.`,
    '## Check, compare, change',
    `\`\`\`sh
noodle config validate                # the files of all environments, and what is set here
noodle config print                   # every option with its value and where that comes from; secrets are not shown
noodle config diff staging production # two environments, or two files by their paths
noodle config diff production         # an environment and what runs
noodle config history                 # which process took which configuration, when, and what was new in it
\`\`\``,
    `SIGHUP lets a process read its files and secret files again. Options that are \`live\` below change at once; a run that has begun keeps its limits. A new value of any other is not taken over:
the log names the option and says that a restart is needed, and so does \`config.restartNeeded\` in \`/ready\`. When anything in the file is wrong, all stays as
it was, and the log says what is wrong. Variables of the environment can't change while a process runs. A container's master passes
SIGHUP on (\`docker compose kill -s HUP master\`, and workers by their names); \`npm start\` takes it as the end of its terminal, and stops.`,
    `A process tells the hash of its configuration in its log, in the metric \`noodle_config_info\` and, a gateway, in \`/ready\`: processes of a kind that are
configured alike have the same. Secrets enter it only by whether they are set, and URLs without user, password and query; so a changed password does
not change the hash. Options that tell a process from its neighbours (\`PORT\`, \`NODE_ID\`) are left out
([adr/0011](adr/0011-configuration-hash.md)).`,
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
