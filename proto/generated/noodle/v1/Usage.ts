// Original file: proto/noodle/v1/types.proto

import type { Long } from '@grpc/proto-loader';

export interface Usage {
  'wallMs'?: (number | string);
  'cpuMs'?: (number | string);
  'maxRssBytes'?: (number | string | Long);
  'gpuSeconds'?: (number | string);
  '_cpuMs'?: "cpuMs";
  '_maxRssBytes'?: "maxRssBytes";
  '_gpuSeconds'?: "gpuSeconds";
}

export interface Usage__Output {
  'wallMs': (number);
  'cpuMs'?: (number);
  'maxRssBytes'?: (string);
  'gpuSeconds'?: (number);
  '_cpuMs'?: "cpuMs";
  '_maxRssBytes'?: "maxRssBytes";
  '_gpuSeconds'?: "gpuSeconds";
}
