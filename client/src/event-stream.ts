/** A server-sent event. */
export interface ServerEvent {
  /** The last id that the stream gave, which may be that of an earlier event; empty for none. */
  id: string
  /** `message` where the stream does not say. */
  name: string
  data: string
}

export interface EventParser {
  /** The events that a piece of the stream completes. What is open at the stream's end is no event. */
  push(piece: Uint8Array): ServerEvent[]
  /** The id to go on after. */
  lastId(): string
  /** How long to wait before connecting again, in ms, as the stream asked; undefined when it did not. */
  retryMs(): number | undefined
}

/** Parses a stream of events (WHATWG HTML, 9.2.5 and 9.2.6), whatever the pieces in which it comes. */
export function makeEventParser(lastId = ''): EventParser {
  const decoder = new TextDecoder() // takes the byte order mark away, and holds back a character that is cut
  let line = ''
  let isAfterReturn = false
  let idBuffer = lastId
  let known = lastId
  let retry: number | undefined
  let name = ''
  let data: string[] = []

  function endLine(): ServerEvent | undefined {
    const text = line
    line = ''
    if (text === '') return dispatch()
    const colon = text.indexOf(':')
    if (colon === 0) return undefined
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') data.push(value)
    else if (field === 'event') name = value
    else if (field === 'id') idBuffer = value.includes('\0') ? idBuffer : value
    else if (field === 'retry' && /^\d+$/.test(value)) retry = Number(value)
    return undefined
  }

  function dispatch(): ServerEvent | undefined {
    known = idBuffer
    const event = { id: known, name: name === '' ? 'message' : name, data: data.join('\n') }
    const hasData = data.length > 0
    name = ''
    data = []
    return hasData ? event : undefined
  }

  return {
    push(piece) {
      const text = decoder.decode(piece, { stream: true })
      const events: ServerEvent[] = []
      let from = 0
      for (const end of text.matchAll(/\r\n|\r|\n/g)) {
        const isRestOfEnd = isAfterReturn && end.index === 0 && end[0] === '\n'
        isAfterReturn = false
        if (!isRestOfEnd) {
          line += text.slice(from, end.index)
          const event = endLine()
          if (event) events.push(event)
        }
        from = end.index + end[0].length
      }
      line += text.slice(from)
      if (text !== '') isAfterReturn = text.endsWith('\r')
      return events
    },
    lastId: () => known,
    retryMs: () => retry,
  }
}
