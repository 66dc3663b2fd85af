// Original file: proto/noodle/v1/workers.proto


export interface GetSettingsRequest {
}

export interface GetSettingsRequest__Output {
}
