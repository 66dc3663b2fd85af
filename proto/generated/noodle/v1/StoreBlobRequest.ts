// Original file: proto/noodle/v1/workers.proto

import type { BlobHead as _noodle_v1_BlobHead, BlobHead__Output as _noodle_v1_BlobHead__Output } from '../../noodle/v1/BlobHead.ts';

export interface StoreBlobRequest {
  'head'?: (_noodle_v1_BlobHead | null);
  'data'?: (Buffer | Uint8Array | string);
}

export interface StoreBlobRequest__Output {
  'head': (_noodle_v1_BlobHead__Output | null);
  'data': (Buffer);
}
