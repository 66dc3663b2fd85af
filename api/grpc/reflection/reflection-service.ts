import { status } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import type { ServerReflectionRequest__Output } from '../../../proto/generated/grpc/reflection/v1/ServerReflectionRequest.ts'
import type { ServerReflectionResponse } from '../../../proto/generated/grpc/reflection/v1/ServerReflectionResponse.ts'
import { servicesOf } from '../../../proto/load-protocol.ts'
import { bidi, type Service } from '../method.ts'

export const reflectionName = 'grpc.reflection.v1.ServerReflection'

/** grpc.reflection.v1, for tools such as grpcurl: what the gateway speaks. It is no secret, so anybody may ask where it is on. */
export function reflectionService(protocol: PackageDefinition): Service {
  const services = [...servicesOf(protocol)].map(([name]) => ({ name }))
  const symbols = new Set(symbolsOf(protocol))
  const files = filesOf(protocol)
  // The files need one another, so each answer has all of them.
  const all: ServerReflectionResponse = {
    fileDescriptorResponse: { fileDescriptorProto: [...files.values()] },
  }

  function answer(request: ServerReflectionRequest__Output): ServerReflectionResponse {
    switch (request.messageRequest) {
      case 'listServices':
        return { listServicesResponse: { service: services } }
      case 'fileContainingSymbol':
        return symbols.has(request.fileContainingSymbol ?? '') ? all : notFound('symbol')
      case 'fileByFilename':
        return files.has(request.fileByFilename ?? '') ? all : notFound('file')
      default:
        return notFound('extension')
    }
  }

  return {
    name: reflectionName,
    methods: {
      ServerReflectionInfo: bidi<ServerReflectionRequest__Output, ServerReflectionResponse>({
        access: 'anyone',
        async handle(_call, requests, send) {
          for await (const request of requests)
            await send({ validHost: request.host, originalRequest: request, ...answer(request) })
        },
      }),
    },
  }
}

const notFound = (what: string): ServerReflectionResponse => ({
  errorResponse: { errorCode: status.NOT_FOUND, errorMessage: `There is no such ${what}.` },
})

function symbolsOf(protocol: PackageDefinition): string[] {
  const methods = [...servicesOf(protocol)].flatMap(([name, definition]) =>
    Object.keys(definition).map((method) => `${name}.${method}`),
  )
  return [...Object.keys(protocol), ...methods]
}

/** The descriptors by the names of their files. */
function filesOf(protocol: PackageDefinition): Map<string, Buffer> {
  for (const found of Object.values(protocol))
    if ('format' in found && 'fileDescriptorProtos' in found)
      return new Map((found.fileDescriptorProtos as Buffer[]).map((bytes) => [fileName(bytes), bytes]))
  return new Map()
}

/** Field 1 of a FileDescriptorProto, which stands first: a tag, a length, a text. */
const fileName = (bytes: Buffer): string => bytes.toString('utf8', 2, 2 + (bytes[1] ?? 0))
