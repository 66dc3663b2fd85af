// Original file: proto/noodle/v1/workers.proto


export interface ReadSecretsResponse {
  'values'?: ({[key: string]: string});
  'missing'?: (string);
  'why'?: (string);
}

export interface ReadSecretsResponse__Output {
  'values': ({[key: string]: string});
  'missing': (string);
  'why': (string);
}
