// Original file: proto/noodle/v1/workers.proto


export interface BlobPiece {
  'data'?: (Buffer | Uint8Array | string);
  'link'?: (string);
}

export interface BlobPiece__Output {
  'data': (Buffer);
  'link': (string);
}
