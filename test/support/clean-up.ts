import { afterAll, afterEach, beforeEach } from '@jest/globals'

type CleanUp = () => unknown

const ofTest: CleanUp[] = []
const ofFile: CleanUp[] = []
let isInTest = false

/**
 * Runs when the test that calls it is over, or at the end of the file when called in `beforeAll`; the last one registered runs first. What a test
 * opens it closes this way and not by `afterEach`, which Jest runs in order of definition: the checks for leaks, registered early, must come last.
 */
export function cleanUp(action: CleanUp): void {
  const actions = isInTest ? ofTest : ofFile
  actions.push(action)
}

beforeEach(() => {
  isInTest = true
})

afterEach(async () => {
  isInTest = false
  await runAll(ofTest)
})

afterAll(() => runAll(ofFile))

async function runAll(actions: CleanUp[]): Promise<void> {
  const errors: unknown[] = []
  for (const action of actions.splice(0).reverse()) {
    try {
      await action()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('\n'))
}
