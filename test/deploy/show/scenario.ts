import type { Client } from './client.ts'
import type { Stack } from './stack.ts'

/** Something that the deployment must show. @returns what was seen, in a sentence @throws when it is not so */
export type Scenario = (
  stack: Stack,
  client: Client,
  options: { minutes: number; perSecond: number },
) => Promise<string>

/** @throws Error that says what was expected */
export function expectThat(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise)
}
