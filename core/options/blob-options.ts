import { z } from 'zod'
import { flag, integer } from './kinds.ts'

/** The options of what is kept outside of Postgres, and where. */
export const blobOptions = {
  INLINE_LIMIT_BYTES: integer(0, 1_048_576)
    .default(32_768)
    .describe(
      'Payloads and results that are larger as JSON are kept in the blob store, and their row refers to them (docs/blobs.md).',
    )
    .meta({ unit: 'bytes', isLive: true }),
  BLOB_DIR: z
    .string()
    .min(1)
    .default('.noodle/blobs')
    .describe(
      'The folder of the blob store, unless S3_BUCKET is set. It must be the same for gateways, ops and workers on all machines; `npm start` takes one below NOODLE_HOME.',
    ),
  S3_BUCKET: z
    .string()
    .min(1)
    .optional()
    .describe('The bucket of the blob store, in S3 or what speaks its protocol; it must exist.'),
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/, message: 'must be a URL such as https://minio.example:9000' })
    .optional()
    .describe('Where the S3 service is; by default that of AWS in S3_REGION.'),
  S3_LINK_ENDPOINT: z
    .url({ protocol: /^https?$/, message: 'must be a URL such as https://minio.example:9000' })
    .optional()
    .describe(
      'Where workers that reach no store reach the S3 service: gateways give them links to large payloads there. By default as S3_ENDPOINT for that of AWS; for others none, and gateways send payloads.',
    ),
  S3_REGION: z.string().min(1).default('us-east-1').describe('The region that S3 requests are signed for.'),
  S3_PATH_STYLE: flag
    .optional()
    .describe(
      'true puts the bucket into the path of URLs, false into the host name; by default true with S3_ENDPOINT, as most services other than AWS want it.',
    ),
  S3_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._/-]*$/, 'must be letters, digits, dots, dashes, underscores and slashes')
    .transform((text) => (text === '' || text.endsWith('/') ? text : `${text}/`))
    .default('')
    .describe('Begins all keys in the bucket. Each installation needs a bucket or a prefix of its own.'),
  S3_ACCESS_KEY_ID: z
    .string()
    .min(1)
    .optional()
    .describe("The S3 access key; without one it is looked for as AWS' own programs do.")
    .meta({ secret: true }),
  S3_SECRET_ACCESS_KEY: z
    .string()
    .min(1)
    .optional()
    .describe('The secret of S3_ACCESS_KEY_ID.')
    .meta({ secret: true }),
}
