import { expect, jest, test } from '@jest/globals'
import { cleanUp } from '../../support/clean-up.ts'
import { dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

test('a delivery that was returned by a node whose clock is ahead comes again in time', async () => {
  const { deps } = await openTestQueue()
  await submit(deps)
  await dispatchJobs(deps)
  const ahead = Date.now() + 300_000
  const clock = jest.spyOn(Date, 'now').mockReturnValue(ahead)
  cleanUp(() => clock.mockRestore())
  let timesTaken = 0
  const consumer = deps.deliveries.consume('small', 1, (delivery) => {
    timesTaken = delivery.timesTaken
    return Promise.resolve(timesTaken === 1 ? { returnAfterMs: 50 } : 'done')
  })
  const queue = deps.deliveries.queueOf('small')
  await waitFor(async () => timesTaken > 0 && (await queue.getActiveCount()) === 0)
  await consumer.close()
  clock.mockRestore()
  const other = deps.deliveries.consume('small', 1, (delivery) => {
    timesTaken = delivery.timesTaken
    return Promise.resolve('done')
  })
  cleanUp(() => other.close())
  await waitFor(() => timesTaken > 1)
  expect(timesTaken).toBe(2)
})
