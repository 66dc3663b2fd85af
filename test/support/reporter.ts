/** What we read of Jest's AggregatedResult. */
interface Results {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  /** Files that broke outside their tests. */
  numRuntimeErrorTestSuites: number
  testResults: { testResults: { status: string; title: string }[] }[]
}

/** How the title of a skipped test tells why: `… (skipped: no Chromium here)`. */
const reasonInTitle = /\(skipped: (.+)\)$/

/** Ends the output with what was skipped and why, and `N passed, N failed` alone on the last line. */
export default class Reporter {
  onRunComplete(_contexts: unknown, results: Results): void {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
    const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : ''
    const lines = [...skippedLines(results), `${results.numPassedTests} passed, ${failed} failed${skipped}`]
    // Jest's own summary comes after all reporters.
    process.once('exit', () => process.stdout.write(`\n${lines.join('\n')}\n`))
  }
}

/** One line a reason. */
function skippedLines(results: Results): string[] {
  const counts = new Map<string, number>()
  for (const { status, title } of results.testResults.flatMap((file) => file.testResults)) {
    if (status !== 'pending') continue
    const reason = reasonInTitle.exec(title)?.[1] ?? 'by the test file or by the choice of tests'
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...counts].map(([reason, count]) => `${count} skipped: ${reason}`)
}
