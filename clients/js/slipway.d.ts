/** Where an upload stands. `paused` and `offline` end by `resume()` and by the network. */
export type UploadState =
  | "preparing"
  | "sending"
  | "verifying"
  | "paused"
  | "offline"
  | "done"
  | "failed"
  | "cancelled";

export interface Progress {
  state: UploadState;
  /** Bytes that have left; those of a failed try are taken back. */
  loaded: number;
  /** Bytes of the file. */
  total: number;
  /** Bytes a second over the last five seconds; 0 when not known. */
  rate: number;
  /** Seconds, null when not known. */
  timeLeft: number | null;
}

/** What the service knows of a file: docs/upload-guide.md. */
export interface FileRecord {
  id: string;
  key: string;
  status: "pending" | "uploaded" | "processing" | "completed" | "failed";
  filename: string;
  type: string;
  file_size: number;
  /** Nobody declared a size: until it is verified `file_size` is the most it may be. */
  size_is_limit: boolean;
  metadata: Record<string, string>;
  policy: string;
  checksum: { algorithm: string; value: string; type: string } | null;
  status_reason: string | null;
  etag: string | null;
  version_id: string | null;
  observed_size: number | null;
  created_at: string;
  updated_at: string;
  uploaded_at: string | null;
  processing_at: string | null;
  completed_at: string | null;
  failed_at: string | null;
}

export interface UploadOptions {
  /** A named upload policy of the service; `default` otherwise. */
  policy?: string;
  /** Kept on the record, 2 KiB in all. */
  metadata?: Record<string, string>;
  /** Otherwise the file's own name. */
  filename?: string;
  /** Otherwise the file's own media type, or application/octet-stream. */
  type?: string;
  /** Computed in a thread and declared, so that the store refuses other bytes. Where files travel
   * in parts, stores know crc64nvme alone of the two. */
  checksum?: "crc64nvme" | "sha256";
  /** Called at most ten times a second, and whenever `state` changes. */
  onProgress?: (progress: Progress) => void;
  /** Aborting it is `cancel()`. */
  signal?: AbortSignal;
}

/** A running upload. Awaiting it gives the verified record, or throws a `SlipwayError`. */
export interface Upload extends PromiseLike<FileRecord> {
  readonly file: Blob;
  readonly state: UploadState;
  readonly record: FileRecord | null;
  readonly progress: Progress;
  pause(): void;
  resume(): void;
  /** Resolves when the service has been told to remove what arrived. */
  cancel(): Promise<void>;
  catch<T>(onRejected: (error: unknown) => T | PromiseLike<T>): Promise<FileRecord | T>;
  finally(onFinally: () => void): Promise<FileRecord>;
}

export interface SlipwayOptions {
  /** Where the service answers, with or without a slash at its end. */
  baseUrl: string | URL;
  /** A bearer token of the person. */
  token?: string;
  /** Asked before every call, and once more when the service refuses a token: cache it yourself. */
  getToken?: () => string | Promise<string>;
}

export declare class Slipway {
  constructor(options: SlipwayOptions);
  /** Begins at once. The same file again after a reload goes on where it stood. */
  upload(file: Blob, options?: UploadOptions): Upload;
}

export declare class SlipwayError extends Error {
  /** Stable: a code of the service, or `network`, `store_refused`, `file_unreadable`, `cancelled`. */
  readonly code: string;
  /** Whether the same call may fare better later. */
  readonly passes: boolean;
  readonly retryAfter: number | null;
}

/** The service said no. */
export declare class ServiceError extends SlipwayError {
  readonly status: number;
  /** Its problem document (RFC 9457), with `errors`, `reasons` and so on. */
  readonly problem: Record<string, unknown>;
  readonly requestId: string | null;
}

/** The store said no. */
export declare class StoreError extends SlipwayError {
  readonly status: number;
  /** The store's own code, such as `AccessDenied`. */
  readonly storeCode: string;
}

/** Neither answered, however often it was asked. */
export declare class NetworkError extends SlipwayError {}

/** The file was changed, moved or removed since it was chosen. */
export declare class FileUnreadableError extends SlipwayError {}

/** Somebody called `cancel`, or the signal was aborted. */
export declare class CancelledError extends SlipwayError {}
