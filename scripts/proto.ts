/*
 * Makes the types of messages in proto/generated, and the messages of the Python worker, from the .proto files: `npm run proto` after a change of them.
 * With --check nothing is written, and it fails when they differ. Either way it fails when the schema breaks clients of the released one
 * (proto/released.json); --release makes the present one that, at a release.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAllProtocols, protocolFiles } from '../proto/load-protocol.ts'
import { renderPythonMessages } from './proto/python-messages.ts'
import { describeSchema, findBreaks, type Schema } from './schema-lock.ts'

const root = join(import.meta.dirname, '..')
const generated = join(root, 'proto/generated')
const pythonFile = 'docs/examples/python/noodle_workers_pb2.py'
const python = renderPythonMessages('noodle/v1/workers.proto', join(root, 'proto'))
const generator = join(root, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js')

const present = describeSchema(loadAllProtocols())
const lockFile = join(root, 'proto/released.json')

if (process.argv.includes('--release')) writeFileSync(lockFile, `${JSON.stringify(present, null, 2)}\n`)
const breaks = findBreaks(JSON.parse(readFileSync(lockFile, 'utf8')) as Schema, present)
if (breaks.length > 0) {
  console.log(
    `Clients of the released schema would break:\n${breaks.join('\n')}\nGive what changes a number or name of its own, and keep the old one; what no release ever had may change: npm run proto -- --release.`,
  )
  process.exitCode = 1
}

if (process.argv.includes('--check')) {
  const made = mkdtempSync(join(tmpdir(), 'noodle-proto-'))
  try {
    generate(made)
    const differing = differences(filesOf(made), filesOf(generated))
    if (readFileSync(join(root, pythonFile), 'utf8') !== python) differing.push(pythonFile)
    if (differing.length > 0) {
      console.log(`Not as the .proto files say; \`npm run proto\` mends it:\n${differing.join('\n')}`)
      process.exitCode = 1
    }
  } finally {
    rmSync(made, { recursive: true })
  }
} else {
  rmSync(generated, { recursive: true, force: true })
  generate(generated)
  writeFileSync(join(root, pythonFile), python)
}

/** With the options of `messageOptions`. */
function generate(folder: string): void {
  execFileSync(
    process.execPath,
    [
      ...[generator, '--longs=String', '--enums=String', '--defaults', '--oneofs', '--grpcLib=@grpc/grpc-js'],
      ...['--importFileExtension=.ts', '-I', 'proto', '-O', folder, ...protocolFiles],
    ],
    { cwd: root },
  )
  // Types of whole packages, for a loader that nobody here uses.
  for (const name of readdirSync(folder)) if (name.endsWith('.ts')) rmSync(join(folder, name))
}

function filesOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}

function differences(made: Map<string, string>, found: Map<string, string>): string[] {
  return [...new Set([...made.keys(), ...found.keys()])]
    .filter((name) => made.get(name) !== found.get(name))
    .sort()
}
