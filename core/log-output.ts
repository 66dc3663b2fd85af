import { Writable } from 'node:stream'

/** Characters of lines that may wait for whoever reads them. */
const mostWaiting = 8_388_608

/**
 * Brings log lines to `stdout`, and lets nothing that befalls it reach the process. A write that fails (its reader is gone, the disk of its file is full) loses
 * its line: as an unhandled error it would end the process, and the line about that would fail in turn. While a reader lets wait, lines wait in memory up to a
 * limit; those beyond are left out. `onLeftOut` hears how many lines were lost as soon as one arrives again.
 */
export function makeLogOutput(stdout: Writable, onLeftOut: (lines: number) => void): Writable {
  let leftOut = 0
  stdout.on('error', () => undefined) // each write hears of its own

  function write(line: string): void {
    if (stdout.writableLength + line.length > mostWaiting) {
      leftOut++
      return
    }
    stdout.write(line, (error) => {
      if (error) leftOut++
      else if (leftOut > 0 && stdout.writableLength < mostWaiting / 2) {
        const lines = leftOut
        leftOut = 0
        onLeftOut(lines)
      }
    })
  }

  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      write(line)
      done()
    },
  })
}
