import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { expect, test } from '@jest/globals'
import { status } from '@grpc/grpc-js'
import type { HealthCheckResponse__Output } from '../../../proto/generated/grpc/health/v1/HealthCheckResponse.ts'
import type { ServerReflectionRequest } from '../../../proto/generated/grpc/reflection/v1/ServerReflectionRequest.ts'
import type { ServerReflectionResponse__Output } from '../../../proto/generated/grpc/reflection/v1/ServerReflectionResponse.ts'
import { answerOf, clientOf, openTestGrpcGateway } from '../../support/grpc.ts'

test('health is told to anyone, at once and as it changes', async () => {
  const gateway = await openTestGrpcGateway()
  const health = clientOf('grpc.health.v1.Health', gateway.address)
  const check = (service: string) =>
    answerOf<HealthCheckResponse__Output>((done) => health.check({ service }, done))
  for (const service of ['', 'noodle.v1.JobService', 'noodle.v1.WorkerService'])
    expect(await check(service)).toEqual({ status: 'SERVING' })
  await expect(check('none')).rejects.toMatchObject({ code: status.NOT_FOUND })

  const stream = health.watch({ service: 'noodle.v1.JobService' })
  stream.on('error', () => undefined)
  const seen: string[] = []
  const told = new Promise<void>((resolve) =>
    stream.on('data', (answer: HealthCheckResponse__Output) => {
      seen.push(answer.status)
      if (seen.length === 1) gateway.beginStop()
      else resolve()
    }),
  )
  await told
  expect(seen).toEqual(['SERVING', 'NOT_SERVING'])
  expect(await check('')).toEqual({ status: 'NOT_SERVING' })
})

test('reflection tells what the gateway speaks, where it is on', async () => {
  const ask = async (settings: Record<string, string>, requests: ServerReflectionRequest[]) => {
    const gateway = await openTestGrpcGateway(settings)
    const stream = clientOf('grpc.reflection.v1.ServerReflection', gateway.address).serverReflectionInfo()
    stream.on('error', () => undefined)
    const answers: ServerReflectionResponse__Output[] = []
    stream.on('data', (answer: ServerReflectionResponse__Output) => answers.push(answer))
    for (const request of requests) stream.write(request)
    stream.end()
    const { code } = await new Promise<{ code: status }>((resolve) => stream.on('status', resolve))
    return { code, answers }
  }
  const asked = [
    { listServices: '*' },
    { fileContainingSymbol: 'noodle.v1.JobService' },
    { fileContainingSymbol: 'noodle.v1.JobService.Submit' },
    { fileContainingSymbol: 'none' },
  ]
  expect(await ask({}, asked)).toEqual({ code: status.UNIMPLEMENTED, answers: [] })
  const { code, answers } = await ask({ GRPC_REFLECTION: 'true' }, asked)
  expect(code).toBe(status.OK)
  expect(answers[0]?.listServicesResponse?.service.map(({ name }) => name).sort()).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'noodle.v1.JobService',
    'noodle.v1.WorkerService',
  ])
  expect(answers[3]?.errorResponse).toMatchObject({ errorCode: status.NOT_FOUND })
  for (const { fileDescriptorResponse } of answers.slice(1, 3))
    expect(Object.keys(readFiles(fileDescriptorResponse?.fileDescriptorProto ?? []))).toContain(
      'noodle.v1.JobService',
    )
})

/** As a tool reads them. */
function readFiles(files: readonly Buffer[]): object {
  // A FileDescriptorSet holds them as its field 1.
  const set = Buffer.concat(files.flatMap((bytes) => [Buffer.from([0x0a, ...lengthOf(bytes)]), bytes]))
  return loadFileDescriptorSetFromBuffer(set)
}

function lengthOf({ length }: Buffer): number[] {
  const bytes: number[] = []
  let left = length
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128)
  return [...bytes, left]
}
