import { flag, integer, pem, port } from './kinds.ts'

/** The options of the gateway's gRPC side. */
export const grpcOptions = {
  GRPC_PORT: port
    .default(50_051)
    .describe('Where the gateway listens for gRPC (docs/grpc.md), on the address of HOST; 0 for nowhere.')
    .meta({ isOwn: true }),
  GRPC_TLS_CERT: pem
    .optional()
    .describe(
      'The certificate chain of the gRPC side, as PEM, which turns TLS on there; GRPC_TLS_CERT_FILE names a file with it.',
    ),
  GRPC_TLS_KEY: pem.optional().describe('The private key of GRPC_TLS_CERT, as PEM.').meta({ secret: true }),
  GRPC_TLS_CLIENT_CA: pem
    .optional()
    .describe(
      'Whose client certificates are taken, as PEM: then gRPC clients need one (mutual TLS), besides their token.',
    ),
  GRPC_MESSAGE_LIMIT_BYTES: integer(1024, 134_217_728)
    .default(4_194_304)
    .describe('Largest message that comes or goes over gRPC.')
    .meta({ unit: 'bytes' }),
  GRPC_STREAMS_PER_CONNECTION: integer(1, 100_000)
    .default(1000)
    .describe('Most gRPC calls at once over one connection; further ones wait at the client.')
    .meta({ unit: 'calls' }),
  GRPC_STREAMS_PER_USER: integer(1, 100_000)
    .default(1000)
    .describe('Most gRPC streams that a user (a network without a token) has open at a gateway.')
    .meta({ unit: 'streams' }),
  KEDA_PORT: port
    .default(0)
    .describe(
      'Where the gateway answers KEDA as an external scaler (docs/autoscaling.md), on the address of HOST; 0 for nowhere. KEDA sends no token: who reaches the port can read how many nodes a tier should have, and nothing else.',
    )
    .meta({ isOwn: true }),
  KEDA_TLS_CERT: pem
    .optional()
    .describe('The certificate chain of KEDA_PORT, as PEM, which turns TLS on there.'),
  KEDA_TLS_KEY: pem.optional().describe('The private key of KEDA_TLS_CERT, as PEM.').meta({ secret: true }),
  KEDA_TLS_CLIENT_CA: pem
    .optional()
    .describe('Whose client certificates are taken at KEDA_PORT, as PEM: then KEDA needs one (mutual TLS).'),
  GRPC_REFLECTION: flag
    .default(false)
    .describe(
      'true tells tools such as grpcurl what the gateway speaks (grpc.reflection.v1); `npm start` turns it on.',
    ),
}
