// Original file: proto/noodle/v1/jobs.proto

import type { Long } from '@grpc/proto-loader';

export interface WatchRequest {
  'id'?: (string);
  'afterSeq'?: (number | string | Long);
}

export interface WatchRequest__Output {
  'id': (string);
  'afterSeq': (string);
}
