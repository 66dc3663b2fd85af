import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from '@jest/globals'

const urlOf = (file: string): string => pathToFileURL(join(import.meta.dirname, '../../core', file)).href

/** A process that takes its time to open what it needs. */
const slowToOpen = `
const { runProcess } = await import(${JSON.stringify(urlOf('lifecycle.ts'))})
const { silentLogger } = await import(${JSON.stringify(urlOf('logger.ts'))})
while (process.connected) await new Promise((go) => setTimeout(go, 5))
await runProcess({
  log: silentLogger,
  components: [{ name: 'work', start: async () => console.log('works'), stop: async () => {} }],
  stopDeadlineMs: 1000,
  reload: async () => {},
})
setInterval(() => undefined, 1000)
`

test('a process whose parent went before it could hear of that begins nothing and ends', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', slowToOpen], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.disconnect()
  const [code] = (await once(child, 'exit')) as [number]
  expect({ code, output }).toEqual({ code: 0, output: '' })
})
