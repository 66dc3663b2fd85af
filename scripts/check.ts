/*
 * What must hold of the code before anything runs: format, types, lint, floors, dead code and the types of the protocol, all at once. One line each; the output of those
 * that failed follows. Needs no services. Run it by `npm run check`; `npm run format` mends the format.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

const root = `${import.meta.dirname}/..`
const bin = (path: string) => `${root}/node_modules/${path}`
const floors = [
  'core',
  'proto',
  'queue',
  'api',
  'workers',
  'ops',
  'client/src',
  'migrations',
  'scripts',
  'test',
]

const checks: { name: string; command: string[] }[] = [
  { name: 'lint', command: [bin('eslint/bin/eslint.js'), '.', '--max-warnings=0'] }, // the slowest first
  { name: 'types', command: [bin('typescript/bin/tsc')] },
  { name: 'client', command: [bin('typescript/bin/tsc'), '--project', 'client'] }, // types, as in a browser
  { name: 'protocol', command: [`${root}/scripts/proto.ts`, '--check'] },
  { name: 'format', command: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'] },
  {
    name: 'floors',
    command: [
      bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      ...['--config', '.dependency-cruiser.js', '--output-type', 'err-long'],
      ...floors.filter((floor) => existsSync(`${root}/${floor}`)),
    ],
  },
  {
    name: 'dead code',
    command: [bin('knip/bin/knip.js'), '--no-progress', '--treat-config-hints-as-errors'],
  },
]

const results = await Promise.all(
  checks.map(async ({ name, command }) => {
    const startedMs = performance.now()
    const { exitCode, output } = await run(command)
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    console.log(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(9)} ${seconds} s`)
    return { name, isOk: exitCode === 0, output }
  }),
)
const failed = results.filter(({ isOk }) => !isOk)
for (const { name, output } of failed) console.log(`\n--- ${name}\n${output.trim()}`)
console.log(
  `${failed.length > 0 ? '\n' : ''}${results.length - failed.length} passed, ${failed.length} failed`,
)
process.exitCode = failed.length > 0 ? 1 : 0

async function run(command: string[]): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => {
      resolve({ exitCode, output })
    })
  })
}
