import { expect, test } from '@jest/globals'
import { logStreams, type PackedLine } from '../../queue/domain/log-line.ts'
import { makeRunLog } from '../../workers/run-log.ts'

function open({ limitBytes = 1_000_000, hasRoom = (): boolean => true } = {}) {
  const lines: PackedLine[] = []
  const leftOut: string[] = []
  const log = makeRunLog(
    { push: (line) => hasRoom() && lines.push(line) > 0 },
    { limitBytes, onLeftOut: (reason) => leftOut.push(reason), nowMs: () => 5 },
  )
  return {
    log,
    leftOut,
    lines,
    texts: () => lines.map(([, stream, text]) => `${String(logStreams[stream])}: ${text}`),
  }
}

test('output is cut at line ends, wherever its pieces end; each stream by itself', () => {
  const { log, texts, lines } = open()
  const text = Buffer.from('ünï\r\n\nlast')
  for (let i = 0; i < text.length; i++) log.write('stdout', text.subarray(i, i + 1))
  log.write('stderr', Buffer.from('oops\nmore'))
  expect(texts()).toEqual(['stdout: ünï', 'stdout: ', 'stderr: oops'])
  log.tell('a\nb')
  log.finish()
  expect(texts().slice(3)).toEqual(['log: a', 'log: b', 'stdout: last', 'stderr: more'])
  expect(lines[0]?.[0]).toBe(5)
})

test('a line without end is cut into several, and what is no text becomes U+FFFD', () => {
  const { log, texts } = open()
  log.write('stdout', Buffer.from([...Buffer.alloc(40_000, 'x'), 0xff, 0x0a]))
  expect(texts().map((text) => text.length - 'stdout: '.length)).toEqual([16_384, 16_384, 7233])
  expect(texts()[2]).toMatch(/x\uFFFD$/)
})

test('past the limit the log ends with a word, and at the end it tells how much was left out', () => {
  const { log, texts, leftOut } = open({ limitBytes: 100 })
  for (let i = 0; i < 10; i++) log.write('stdout', Buffer.from(`line number ${String(i)}\n`))
  log.finish()
  expect(texts()).toEqual([
    'stdout: line number 0',
    'stdout: line number 1',
    'stdout: line number 2',
    'noodle: The log ends here: LOG_LIMIT_BYTES allows 100 bytes an attempt.',
    'noodle: 7 lines with 91 bytes more are left out.',
  ])
  expect(leftOut).toEqual(Array.from({ length: 7 }, () => 'limit'))
})

test('lines that find no room are left out where they were, and that is told as soon as there is room', () => {
  let room = 1
  const { log, texts } = open({ hasRoom: () => room-- > 0 })
  log.tell('kept\nlost\nlost too')
  room = 2
  log.tell('kept again')
  expect(texts()).toEqual([
    'log: kept',
    'noodle: 2 lines with 12 bytes came faster than they could be stored, and are left out here.',
    'log: kept again',
  ])
})
