import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { JobState } from '../../queue/domain/job-state.ts'
import { skewClock } from './preload/clock-skew.ts'
import { crashPoints, wrap } from './preload/crash-points.ts'
import { mutants } from './preload/mutants.ts'
import { readFormat } from './preload/row-format.ts'
import { inheritedEnvironment } from './process-environment.ts'
import { failoverTimes } from './promises.ts'

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

test('another version of the product reads rows up to another format', () => {
  const { file, apply } = readFormat(2)
  expect(apply(read(file))).toContain('formatVersion = 2')
})

test('a process whose clock is wrong takes another time for now, and reads given times as they are', () => {
  const rightDate = Date
  const before = Date.now()
  try {
    skewClock(3_600_000)
    expect(Date.now() - before).toBeGreaterThanOrEqual(3_600_000)
    expect(new Date().getTime() - before).toBeGreaterThanOrEqual(3_600_000)
    expect(new Date(before).getTime()).toBe(before)
    expect(new Date()).toBeInstanceOf(Date)
  } finally {
    globalThis.Date = rightDate
  }
})

test('the time to run elsewhere counts from the death to the next start of what ran then', () => {
  const event = (atMs: number, state: JobState, reason: string | null = null) => ({
    ...{ seq: 0, fence: null, state, reason },
    at: new Date(atMs),
  })
  const ran = [event(0, 'running'), event(4000, 'pending', 'worker-lost'), event(4500, 'running')]
  const startedLater = [event(1500, 'running'), event(4000, 'pending', 'worker-lost'), event(4500, 'running')]
  const times = [ran, startedLater].map((events) => failoverTimes([{ events }], 1000))
  expect(times).toEqual([[3500], []])
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
