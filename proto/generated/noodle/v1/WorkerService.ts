// Original file: proto/noodle/v1/workers.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BlobPiece as _noodle_v1_BlobPiece, BlobPiece__Output as _noodle_v1_BlobPiece__Output } from '../../noodle/v1/BlobPiece.ts';
import type { GetCheckpointRequest as _noodle_v1_GetCheckpointRequest, GetCheckpointRequest__Output as _noodle_v1_GetCheckpointRequest__Output } from '../../noodle/v1/GetCheckpointRequest.ts';
import type { GetCheckpointResponse as _noodle_v1_GetCheckpointResponse, GetCheckpointResponse__Output as _noodle_v1_GetCheckpointResponse__Output } from '../../noodle/v1/GetCheckpointResponse.ts';
import type { GetSettingsRequest as _noodle_v1_GetSettingsRequest, GetSettingsRequest__Output as _noodle_v1_GetSettingsRequest__Output } from '../../noodle/v1/GetSettingsRequest.ts';
import type { GoodbyeRequest as _noodle_v1_GoodbyeRequest, GoodbyeRequest__Output as _noodle_v1_GoodbyeRequest__Output } from '../../noodle/v1/GoodbyeRequest.ts';
import type { GoodbyeResponse as _noodle_v1_GoodbyeResponse, GoodbyeResponse__Output as _noodle_v1_GoodbyeResponse__Output } from '../../noodle/v1/GoodbyeResponse.ts';
import type { KeepArtifactsRequest as _noodle_v1_KeepArtifactsRequest, KeepArtifactsRequest__Output as _noodle_v1_KeepArtifactsRequest__Output } from '../../noodle/v1/KeepArtifactsRequest.ts';
import type { KeepArtifactsResponse as _noodle_v1_KeepArtifactsResponse, KeepArtifactsResponse__Output as _noodle_v1_KeepArtifactsResponse__Output } from '../../noodle/v1/KeepArtifactsResponse.ts';
import type { ListFencesRequest as _noodle_v1_ListFencesRequest, ListFencesRequest__Output as _noodle_v1_ListFencesRequest__Output } from '../../noodle/v1/ListFencesRequest.ts';
import type { ListFencesResponse as _noodle_v1_ListFencesResponse, ListFencesResponse__Output as _noodle_v1_ListFencesResponse__Output } from '../../noodle/v1/ListFencesResponse.ts';
import type { ReadPayloadRequest as _noodle_v1_ReadPayloadRequest, ReadPayloadRequest__Output as _noodle_v1_ReadPayloadRequest__Output } from '../../noodle/v1/ReadPayloadRequest.ts';
import type { ReadSecretsRequest as _noodle_v1_ReadSecretsRequest, ReadSecretsRequest__Output as _noodle_v1_ReadSecretsRequest__Output } from '../../noodle/v1/ReadSecretsRequest.ts';
import type { ReadSecretsResponse as _noodle_v1_ReadSecretsResponse, ReadSecretsResponse__Output as _noodle_v1_ReadSecretsResponse__Output } from '../../noodle/v1/ReadSecretsResponse.ts';
import type { RegisterRequest as _noodle_v1_RegisterRequest, RegisterRequest__Output as _noodle_v1_RegisterRequest__Output } from '../../noodle/v1/RegisterRequest.ts';
import type { RegisterResponse as _noodle_v1_RegisterResponse, RegisterResponse__Output as _noodle_v1_RegisterResponse__Output } from '../../noodle/v1/RegisterResponse.ts';
import type { SaveCheckpointRequest as _noodle_v1_SaveCheckpointRequest, SaveCheckpointRequest__Output as _noodle_v1_SaveCheckpointRequest__Output } from '../../noodle/v1/SaveCheckpointRequest.ts';
import type { SaveCheckpointResponse as _noodle_v1_SaveCheckpointResponse, SaveCheckpointResponse__Output as _noodle_v1_SaveCheckpointResponse__Output } from '../../noodle/v1/SaveCheckpointResponse.ts';
import type { StoreBlobRequest as _noodle_v1_StoreBlobRequest, StoreBlobRequest__Output as _noodle_v1_StoreBlobRequest__Output } from '../../noodle/v1/StoreBlobRequest.ts';
import type { StoreBlobResponse as _noodle_v1_StoreBlobResponse, StoreBlobResponse__Output as _noodle_v1_StoreBlobResponse__Output } from '../../noodle/v1/StoreBlobResponse.ts';
import type { WorkRequest as _noodle_v1_WorkRequest, WorkRequest__Output as _noodle_v1_WorkRequest__Output } from '../../noodle/v1/WorkRequest.ts';
import type { WorkResponse as _noodle_v1_WorkResponse, WorkResponse__Output as _noodle_v1_WorkResponse__Output } from '../../noodle/v1/WorkResponse.ts';
import type { WorkerSettings as _noodle_v1_WorkerSettings, WorkerSettings__Output as _noodle_v1_WorkerSettings__Output } from '../../noodle/v1/WorkerSettings.ts';
import type { WriteLogsRequest as _noodle_v1_WriteLogsRequest, WriteLogsRequest__Output as _noodle_v1_WriteLogsRequest__Output } from '../../noodle/v1/WriteLogsRequest.ts';
import type { WriteLogsResponse as _noodle_v1_WriteLogsResponse, WriteLogsResponse__Output as _noodle_v1_WriteLogsResponse__Output } from '../../noodle/v1/WriteLogsResponse.ts';

export interface WorkerServiceClient extends grpc.Client {
  GetCheckpoint(argument: _noodle_v1_GetCheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  GetCheckpoint(argument: _noodle_v1_GetCheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  GetCheckpoint(argument: _noodle_v1_GetCheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  GetCheckpoint(argument: _noodle_v1_GetCheckpointRequest, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _noodle_v1_GetCheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _noodle_v1_GetCheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _noodle_v1_GetCheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _noodle_v1_GetCheckpointRequest, callback: grpc.requestCallback<_noodle_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  
  GetSettings(argument: _noodle_v1_GetSettingsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  GetSettings(argument: _noodle_v1_GetSettingsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  GetSettings(argument: _noodle_v1_GetSettingsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  GetSettings(argument: _noodle_v1_GetSettingsRequest, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  getSettings(argument: _noodle_v1_GetSettingsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  getSettings(argument: _noodle_v1_GetSettingsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  getSettings(argument: _noodle_v1_GetSettingsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  getSettings(argument: _noodle_v1_GetSettingsRequest, callback: grpc.requestCallback<_noodle_v1_WorkerSettings__Output>): grpc.ClientUnaryCall;
  
  Goodbye(argument: _noodle_v1_GoodbyeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  Goodbye(argument: _noodle_v1_GoodbyeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  Goodbye(argument: _noodle_v1_GoodbyeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  Goodbye(argument: _noodle_v1_GoodbyeRequest, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  goodbye(argument: _noodle_v1_GoodbyeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  goodbye(argument: _noodle_v1_GoodbyeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  goodbye(argument: _noodle_v1_GoodbyeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  goodbye(argument: _noodle_v1_GoodbyeRequest, callback: grpc.requestCallback<_noodle_v1_GoodbyeResponse__Output>): grpc.ClientUnaryCall;
  
  KeepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  KeepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  KeepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  KeepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  keepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  keepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  keepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  keepArtifacts(argument: _noodle_v1_KeepArtifactsRequest, callback: grpc.requestCallback<_noodle_v1_KeepArtifactsResponse__Output>): grpc.ClientUnaryCall;
  
  ListFences(argument: _noodle_v1_ListFencesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  ListFences(argument: _noodle_v1_ListFencesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  ListFences(argument: _noodle_v1_ListFencesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  ListFences(argument: _noodle_v1_ListFencesRequest, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  listFences(argument: _noodle_v1_ListFencesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  listFences(argument: _noodle_v1_ListFencesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  listFences(argument: _noodle_v1_ListFencesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  listFences(argument: _noodle_v1_ListFencesRequest, callback: grpc.requestCallback<_noodle_v1_ListFencesResponse__Output>): grpc.ClientUnaryCall;
  
  ReadPayload(argument: _noodle_v1_ReadPayloadRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_BlobPiece__Output>;
  ReadPayload(argument: _noodle_v1_ReadPayloadRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_BlobPiece__Output>;
  readPayload(argument: _noodle_v1_ReadPayloadRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_BlobPiece__Output>;
  readPayload(argument: _noodle_v1_ReadPayloadRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_BlobPiece__Output>;
  
  ReadSecrets(argument: _noodle_v1_ReadSecretsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  ReadSecrets(argument: _noodle_v1_ReadSecretsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  ReadSecrets(argument: _noodle_v1_ReadSecretsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  ReadSecrets(argument: _noodle_v1_ReadSecretsRequest, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  readSecrets(argument: _noodle_v1_ReadSecretsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  readSecrets(argument: _noodle_v1_ReadSecretsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  readSecrets(argument: _noodle_v1_ReadSecretsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  readSecrets(argument: _noodle_v1_ReadSecretsRequest, callback: grpc.requestCallback<_noodle_v1_ReadSecretsResponse__Output>): grpc.ClientUnaryCall;
  
  Register(argument: _noodle_v1_RegisterRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  Register(argument: _noodle_v1_RegisterRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  Register(argument: _noodle_v1_RegisterRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  Register(argument: _noodle_v1_RegisterRequest, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _noodle_v1_RegisterRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _noodle_v1_RegisterRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _noodle_v1_RegisterRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _noodle_v1_RegisterRequest, callback: grpc.requestCallback<_noodle_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  
  SaveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  SaveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  SaveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  SaveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  saveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  saveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  saveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  saveCheckpoint(argument: _noodle_v1_SaveCheckpointRequest, callback: grpc.requestCallback<_noodle_v1_SaveCheckpointResponse__Output>): grpc.ClientUnaryCall;
  
  StoreBlob(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  StoreBlob(metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  StoreBlob(options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  StoreBlob(callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  storeBlob(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  storeBlob(metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  storeBlob(options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  storeBlob(callback: grpc.requestCallback<_noodle_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_noodle_v1_StoreBlobRequest>;
  
  Work(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_WorkRequest, _noodle_v1_WorkResponse__Output>;
  Work(options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_WorkRequest, _noodle_v1_WorkResponse__Output>;
  work(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_WorkRequest, _noodle_v1_WorkResponse__Output>;
  work(options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_WorkRequest, _noodle_v1_WorkResponse__Output>;
  
  WriteLogs(argument: _noodle_v1_WriteLogsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  WriteLogs(argument: _noodle_v1_WriteLogsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  WriteLogs(argument: _noodle_v1_WriteLogsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  WriteLogs(argument: _noodle_v1_WriteLogsRequest, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  writeLogs(argument: _noodle_v1_WriteLogsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  writeLogs(argument: _noodle_v1_WriteLogsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  writeLogs(argument: _noodle_v1_WriteLogsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  writeLogs(argument: _noodle_v1_WriteLogsRequest, callback: grpc.requestCallback<_noodle_v1_WriteLogsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface WorkerServiceHandlers extends grpc.UntypedServiceImplementation {
  GetCheckpoint: grpc.handleUnaryCall<_noodle_v1_GetCheckpointRequest__Output, _noodle_v1_GetCheckpointResponse>;
  
  GetSettings: grpc.handleUnaryCall<_noodle_v1_GetSettingsRequest__Output, _noodle_v1_WorkerSettings>;
  
  Goodbye: grpc.handleUnaryCall<_noodle_v1_GoodbyeRequest__Output, _noodle_v1_GoodbyeResponse>;
  
  KeepArtifacts: grpc.handleUnaryCall<_noodle_v1_KeepArtifactsRequest__Output, _noodle_v1_KeepArtifactsResponse>;
  
  ListFences: grpc.handleUnaryCall<_noodle_v1_ListFencesRequest__Output, _noodle_v1_ListFencesResponse>;
  
  ReadPayload: grpc.handleServerStreamingCall<_noodle_v1_ReadPayloadRequest__Output, _noodle_v1_BlobPiece>;
  
  ReadSecrets: grpc.handleUnaryCall<_noodle_v1_ReadSecretsRequest__Output, _noodle_v1_ReadSecretsResponse>;
  
  Register: grpc.handleUnaryCall<_noodle_v1_RegisterRequest__Output, _noodle_v1_RegisterResponse>;
  
  SaveCheckpoint: grpc.handleUnaryCall<_noodle_v1_SaveCheckpointRequest__Output, _noodle_v1_SaveCheckpointResponse>;
  
  StoreBlob: grpc.handleClientStreamingCall<_noodle_v1_StoreBlobRequest__Output, _noodle_v1_StoreBlobResponse>;
  
  Work: grpc.handleBidiStreamingCall<_noodle_v1_WorkRequest__Output, _noodle_v1_WorkResponse>;
  
  WriteLogs: grpc.handleUnaryCall<_noodle_v1_WriteLogsRequest__Output, _noodle_v1_WriteLogsResponse>;
  
}

export interface WorkerServiceDefinition extends grpc.ServiceDefinition {
  GetCheckpoint: MethodDefinition<_noodle_v1_GetCheckpointRequest, _noodle_v1_GetCheckpointResponse, _noodle_v1_GetCheckpointRequest__Output, _noodle_v1_GetCheckpointResponse__Output>
  GetSettings: MethodDefinition<_noodle_v1_GetSettingsRequest, _noodle_v1_WorkerSettings, _noodle_v1_GetSettingsRequest__Output, _noodle_v1_WorkerSettings__Output>
  Goodbye: MethodDefinition<_noodle_v1_GoodbyeRequest, _noodle_v1_GoodbyeResponse, _noodle_v1_GoodbyeRequest__Output, _noodle_v1_GoodbyeResponse__Output>
  KeepArtifacts: MethodDefinition<_noodle_v1_KeepArtifactsRequest, _noodle_v1_KeepArtifactsResponse, _noodle_v1_KeepArtifactsRequest__Output, _noodle_v1_KeepArtifactsResponse__Output>
  ListFences: MethodDefinition<_noodle_v1_ListFencesRequest, _noodle_v1_ListFencesResponse, _noodle_v1_ListFencesRequest__Output, _noodle_v1_ListFencesResponse__Output>
  ReadPayload: MethodDefinition<_noodle_v1_ReadPayloadRequest, _noodle_v1_BlobPiece, _noodle_v1_ReadPayloadRequest__Output, _noodle_v1_BlobPiece__Output>
  ReadSecrets: MethodDefinition<_noodle_v1_ReadSecretsRequest, _noodle_v1_ReadSecretsResponse, _noodle_v1_ReadSecretsRequest__Output, _noodle_v1_ReadSecretsResponse__Output>
  Register: MethodDefinition<_noodle_v1_RegisterRequest, _noodle_v1_RegisterResponse, _noodle_v1_RegisterRequest__Output, _noodle_v1_RegisterResponse__Output>
  SaveCheckpoint: MethodDefinition<_noodle_v1_SaveCheckpointRequest, _noodle_v1_SaveCheckpointResponse, _noodle_v1_SaveCheckpointRequest__Output, _noodle_v1_SaveCheckpointResponse__Output>
  StoreBlob: MethodDefinition<_noodle_v1_StoreBlobRequest, _noodle_v1_StoreBlobResponse, _noodle_v1_StoreBlobRequest__Output, _noodle_v1_StoreBlobResponse__Output>
  Work: MethodDefinition<_noodle_v1_WorkRequest, _noodle_v1_WorkResponse, _noodle_v1_WorkRequest__Output, _noodle_v1_WorkResponse__Output>
  WriteLogs: MethodDefinition<_noodle_v1_WriteLogsRequest, _noodle_v1_WriteLogsResponse, _noodle_v1_WriteLogsRequest__Output, _noodle_v1_WriteLogsResponse__Output>
}
