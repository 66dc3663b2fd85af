import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** In colour on a terminal, unless NO_COLOR is set. */
export const coloured = (format: Format, text: string): string =>
  styleText(format, text, { stream: process.stdout })

/** On one line, and without what would steer the terminal: the text may be another user's. */
export function oneLine(text: string, maxLength = Infinity): string {
  const line = text.replace(/\s+/g, ' ').replace(/\p{Cc}/gu, '\ufffd')
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line
}
