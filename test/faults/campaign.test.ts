import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { crashPoints, wrap } from './preload/crash-points.ts'
import { mutants } from './preload/mutants.ts'
import { inheritedEnvironment } from './process-environment.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

test('a killed worker, an emptied Redis and a Postgres stopped at once lose no acknowledged job', async () => {
  const faults = ['worker killed', 'Redis emptied', 'Postgres stopped at once'].flatMap((name) => [
    '--only',
    name,
  ])
  const { code, output } = await run(['--cycles', '3', '--seed', '1', ...faults])
  expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' })
}, 120_000)

test.each(mutants.flatMap(({ name, changes }) => changes.map((change) => ({ name, ...change }))))(
  'the mutant $name changes $file',
  ({ file, apply }) => {
    const source = read(file)
    expect(apply(source)).not.toBe(source)
  },
)

test.each(crashPoints)('the crash point $name finds its function', (point) => {
  expect(wrap(point).apply(read(point.file))).toContain(`inner_${point.function}`)
})

async function run(args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    env: inheritedEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}
