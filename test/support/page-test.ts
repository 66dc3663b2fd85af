import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from '@jest/globals'
import type { Browser } from 'playwright-core'
import { cleanUp } from './clean-up.ts'

/** Debian's name first. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A test with a real Chromium, which is closed after it. Skipped, and said to be, where there is none. */
export function pageTest(name: string, run: (browser: Browser) => Promise<void>): void {
  const program = findChromium()
  if (!program) {
    test.skip(`${name} (skipped: page tests need Chromium; on Debian, apt-get install chromium)`, () =>
      undefined)
    return
  }
  test(name, async () => {
    const { chromium } = await import('playwright-core') // only here: it is large
    // In containers, and for root, Chromium's own sandbox can't be had; it sees our own pages only.
    const browser = await chromium.launch({
      executablePath: program,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
    cleanUp(() => browser.close())
    await run(browser)
  })
}

function findChromium(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
