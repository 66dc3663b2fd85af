import { z } from 'zod'
import { flag, list, pem } from './kinds.ts'

const defaultGrpcPort = 50_051

/** A host, or host:port; IPv6 addresses in brackets where a port follows. */
const hostAndPort = z.string().transform((text, context) => {
  const [, host, port = String(defaultGrpcPort)] =
    /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? []
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return `${host}:${port}`
  context.addIssue({ code: 'custom', message: `must be hosts or host:port, which ${text} is not` })
  return z.NEVER
})

/** The options of a worker that goes through gateways. */
export const remoteOptions = {
  MASTER_HOST: list
    .pipe(z.array(hostAndPort).min(1, 'must name at least one gateway'))
    .optional()
    .describe(
      'Where gateways are, for a worker that goes through them and reaches no store (docs/remote-workers.md): hosts, or host:port with the GRPC_PORT of the gateway where it is not 50051, comma-separated. A worker that is told both DATABASE_URL and REDIS_URL does not use it.',
    ),
  WORKER_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The token of the role worker with which a worker goes to MASTER_HOST. Unset, it makes its own from AUTH_JWT_SECRET. The file of WORKER_TOKEN_FILE is read anew, so that it can be replaced.',
    )
    .meta({ secret: true }),
  MASTER_TLS: flag
    .default(false)
    .describe('Whether a worker speaks TLS with MASTER_HOST, and believes the authorities of the system.'),
  MASTER_TLS_CA: pem
    .optional()
    .describe('Whose certificates a worker believes at MASTER_HOST, as PEM; turns TLS on there.'),
  MASTER_TLS_CERT: pem
    .optional()
    .describe('The certificate of a worker for gateways that ask for one (mutual TLS), as PEM.'),
  MASTER_TLS_KEY: pem
    .optional()
    .describe('The private key of MASTER_TLS_CERT, as PEM.')
    .meta({ secret: true }),
}
