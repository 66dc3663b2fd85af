import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeEventParser, type ServerEvent } from '../../client/src/event-stream.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function parse(pieces: readonly Uint8Array[]): { events: ServerEvent[]; lastId: string; retryMs?: number } {
  const parser = makeEventParser()
  const events = pieces.flatMap((piece) => parser.push(piece))
  const retryMs = parser.retryMs()
  return { events, lastId: parser.lastId(), ...(retryMs !== undefined && { retryMs }) }
}

const eventsOf = (text: string): ServerEvent[] => parse([bytesOf(text)]).events
const anEvent = (data: string, name = 'message', id = ''): ServerEvent => ({ id, name, data })

// WHATWG HTML, 9.2.6, its examples and its rules.
test.each<[string, string, ServerEvent[]]>([
  ['several data lines are joined', 'data: YHOO\ndata: +2\ndata: 10\n\n', [anEvent('YHOO\n+2\n10')]],
  ['a comment is nothing', ': test stream\n\ndata: x\n\n', [anEvent('x')]],
  [
    'one space after the colon is taken away',
    'data:test\n\ndata:  test\n\n',
    [anEvent('test'), anEvent(' test')],
  ],
  ['a field without colon has an empty value', 'data\n\ndata\ndata\n\ndata:', [anEvent(''), anEvent('\n')]],
  [
    'the id stays for later events',
    'id: 1\ndata: a\n\ndata: b\n\n',
    [anEvent('a', 'message', '1'), anEvent('b', 'message', '1')],
  ],
  [
    'an empty id resets it',
    'id: 1\ndata: a\n\nid\ndata: b\n\n',
    [anEvent('a', 'message', '1'), anEvent('b')],
  ],
  ['an id with NUL is none', 'id: a\0b\ndata: a\n\n', [anEvent('a')]],
  ['the name is for one event', 'event: add\ndata: 1\n\ndata: 2\n\n', [anEvent('1', 'add'), anEvent('2')]],
  ['without data there is no event, and its name is forgotten', 'event: add\n\ndata: 2\n\n', [anEvent('2')]],
  ['unknown fields and other cases are nothing', 'DATA: 1\n data: 2\nfoo: 3\n\n', []],
  ['what is open at the end is no event', 'data: a\n\ndata: b\n', [anEvent('a')]],
  ['one byte order mark is taken away', '\u{feff}data: a\n\n', [anEvent('a')]],
  ['a second one is not', '\u{feff}\u{feff}data: a\n\n', []],
  [
    'CR, LF and CRLF end lines',
    'data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r',
    [anEvent('a\nb\nc'), anEvent('d')],
  ],
])('%s', (_, text, expected) => {
  expect(eventsOf(text)).toEqual(expected)
})

test('an id without data moves the place to go on from; retry takes digits only', () => {
  expect(parse([bytesOf('id: 7\n\nretry: 250\nretry: 1s\n')])).toEqual({
    events: [],
    lastId: '7',
    retryMs: 250,
  })
})

/** Lines of all kinds, as a hostile or an unlucky server may send them. */
const aLine = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('data', 'event', 'id', 'retry', 'other', '', 'data ', '\u{feff}data'),
      fc.constantFrom(':', ': ', '', '::'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    )
    .map((parts) => parts.join('')),
  fc.constant(''),
)
const aStream = fc
  .array(fc.tuple(aLine, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 30 })
  .map((lines) => lines.map(([line, end]) => line + end).join(''))

/** The rules once more, over the whole text and with no eye for speed. */
function slowly(text: string): ServerEvent[] {
  const events: ServerEvent[] = []
  let [name, data, id] = ['', '', '']
  const lines = text.replace(/^\u{feff}/u, '').split(/\r\n|\r|\n/)
  for (const line of lines.slice(0, -1)) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/su.exec(line) ?? []
    if (line === '') {
      if (data !== '') events.push({ id, name: name || 'message', data: data.slice(0, -1) })
      ;[name, data] = ['', '']
    } else if (field === 'data') data += `${value}\n`
    else if (field === 'event') name = value
    else if (field === 'id' && !value.includes('\0')) id = value
  }
  return events
}

test('in whatever pieces a stream comes, cut within characters and line ends too, it has the same events', () => {
  fc.assert(
    fc.property(aStream, fc.array(fc.nat(), { maxLength: 20 }), (text, cuts) => {
      const bytes = bytesOf(text)
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
      const pieces = places.slice(1).map((end, i) => bytes.subarray(places[i], end))
      const whole = parse([bytes])
      expect(parse(pieces)).toEqual(whole)
      expect(parse([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
      expect(whole.events).toEqual(slowly(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)))
    }),
    { numRuns: 500 },
  )
})
