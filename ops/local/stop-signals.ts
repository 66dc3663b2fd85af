/** npm passes Ctrl-C on to us, who have it from the terminal already: that is not a second one. */
const sameCtrlCMs = 1000

/**
 * The first Ctrl-C (or SIGTERM, or the end of the terminal) stops, a second one kills. With `endOfTerminal`, for what has no terminal, SIGHUP calls that instead.
 * @returns ends the hearing
 */
export function hearSignals({
  stopping,
  killing,
  print,
  endOfTerminal,
}: {
  stopping: AbortController
  killing: AbortController
  print: (line: string) => void
  endOfTerminal?: () => void
}): () => void {
  let firstAt: number | undefined
  const hear = (): void => {
    firstAt ??= performance.now()
    if (!stopping.signal.aborted) {
      print('Stopping.')
      stopping.abort()
    } else if (performance.now() - firstAt > sameCtrlCMs && !killing.signal.aborted) {
      print('Stopping now.')
      killing.abort()
    }
  }
  const hearers = { SIGINT: hear, SIGTERM: hear, SIGHUP: endOfTerminal ?? hear }
  for (const [signal, hearer] of Object.entries(hearers)) process.on(signal, hearer)
  // A terminal that has ended takes no lines any more, which must not end us in the middle of the stop. Never undone: the last line comes after the hearing.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return () => {
    for (const [signal, hearer] of Object.entries(hearers)) process.off(signal, hearer)
  }
}
