/** Follows a log with many connections, checks that each line comes once and in order, and tells how late they came. */
import { get, type IncomingMessage } from 'node:http'

const { URL: url = '', TOKEN = '', FOLLOWERS, SLOW, LINES } = process.env
const [fast, slow, total] = [Number(FOLLOWERS), Number(SLOW), Number(LINES)]
const lagMs: number[] = []
let complete = 0
let ended = 0
const sleepers: IncomingMessage[] = []

process.on('message', () => {
  for (const response of sleepers) response.resume()
})
await Promise.all(Array.from({ length: fast + slow }, (_, i) => follow(i >= fast)))
process.send?.('ready')

function follow(isSlow: boolean): Promise<void> {
  return new Promise((resolve) => {
    get(
      url,
      { agent: false, headers: { Accept: 'text/event-stream', Authorization: `Bearer ${TOKEN}` } },
      (response) => {
        let expected = 1
        let open = ''
        let isWrong = false
        response.setEncoding('utf8').on('data', (piece: string) => {
          const text = open + piece
          let from = 0
          for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
            // Not parsed as JSON: a hundred clients on this machine would cost more than what is measured.
            if (text.startsWith('id: 1-', from)) {
              const last = Number(text.slice(from + 6, text.indexOf('\n', from)))
              const [, first] = /"firstSeq":(\d+)/.exec(text.slice(from, from + 100)) ?? []
              if (Number(first) !== expected) isWrong = true
              expected = last + 1
              const [, sentMs] = /"text":"(\d+) /.exec(text.slice(from, from + 300)) ?? []
              if (!isSlow) lagMs.push(Date.now() - Number(sentMs))
            }
            from = end + 2
          }
          open = text.slice(from)
        })
        if (isSlow) sleepers.push(response.pause())
        response.on('close', () => {
          if (!isWrong && expected === total + 1) complete++
          if (++ended === fast + slow) process.send?.({ complete, lagMs })
        })
        resolve()
      },
    )
  })
}
