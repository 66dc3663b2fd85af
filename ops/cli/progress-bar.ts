import { clearLine, cursorTo } from 'node:readline'

/** A line on stderr that follows something: drawn over on a terminal; elsewhere each change is a line of its own. */
export interface ProgressLine {
  draw(text: string): void
  /** Leaves the terminal with the cursor on a fresh line. */
  end(): void
}

export function makeProgressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  let last = ''
  return {
    draw(text) {
      if (text === last) return
      last = text
      if (!stream.isTTY) {
        stream.write(`${text}\n`)
        return
      }
      cursorTo(stream, 0)
      stream.write(text.slice(0, stream.columns - 1))
      clearLine(stream, 1)
    },
    end() {
      if (stream.isTTY && last !== '') stream.write('\n')
    },
  }
}

const barWidth = 24

/** `[########----------------]  33 %` for a share of 0 to 1. */
export function progressBar(share: number): string {
  const filled = Math.round(share * barWidth)
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${percent} %`
}
