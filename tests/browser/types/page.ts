/** An application that uses every member of the client's types; compiled, never run. */

import {
  CancelledError,
  FileUnreadableError,
  NetworkError,
  ServiceError,
  Slipway,
  SlipwayError,
  StoreError,
} from "../../../clients/js/slipway.js";
import type {
  FileRecord,
  Progress,
  SlipwayOptions,
  Upload,
  UploadOptions,
  UploadState,
} from "../../../clients/js/slipway.js";

const withToken: SlipwayOptions = { baseUrl: "https://uploads.example.com", token: "t" };
const asking: SlipwayOptions = { baseUrl: new URL(location.href), getToken: () => "t" };
const waiting: SlipwayOptions = { baseUrl: "", getToken: async () => "t" };
const people: Slipway[] = [withToken, asking, waiting].map((options) => new Slipway(options));

/** A state that is added to the types and not here fails to compile. */
const labels: { [state in UploadState]: string } = {
  preparing: "",
  sending: "",
  verifying: "",
  paused: "",
  offline: "",
  done: "",
  failed: "",
  cancelled: "",
};

function shown({ state, loaded, total, rate, timeLeft }: Progress): string {
  const left: number = timeLeft ?? Infinity;
  return `${labels[state]} ${(100 * loaded) / total} % ${rate.toFixed()} ${left}`;
}

const options: Required<UploadOptions> = {
  policy: "video",
  metadata: { album: "holidays" },
  filename: "film.mp4",
  type: "video/mp4",
  checksum: "crc64nvme",
  onProgress: (progress) => void shown(progress),
  signal: new AbortController().signal,
};

/** The whole record, by its parts' types. */
function told(file: FileRecord): string {
  const times: (string | null)[] = [
    file.created_at,
    file.updated_at,
    file.uploaded_at,
    file.processing_at,
    file.completed_at,
    file.failed_at,
  ];
  const states: { [status in FileRecord["status"]]: boolean } = {
    pending: false,
    uploaded: true,
    processing: true,
    completed: true,
    failed: false,
  };
  const { algorithm = "", value = "", type = "" } = file.checksum ?? {};
  const texts: string[] = [file.id, file.key, file.filename, file.type, file.policy];
  const maybe: (string | null)[] = [file.status_reason, file.etag, file.version_id];
  const most: boolean = file.size_is_limit;
  const sizes: number = file.file_size + (file.observed_size ?? 0);
  const album: string | undefined = file.metadata["album"];
  return [...times, ...texts, ...maybe, algorithm, value, type, album, most, sizes, states[file.status]]
    .join(" ");
}

function explained(error: unknown): string {
  if (error instanceof ServiceError) {
    const { status, problem, requestId } = error;
    return `${status} ${problem["reasons"]} ${requestId ?? ""}`;
  }
  if (error instanceof StoreError) return `${error.status} ${error.storeCode}`;
  if (error instanceof NetworkError || error instanceof FileUnreadableError) return error.code;
  if (error instanceof CancelledError) return "";
  if (error instanceof SlipwayError) {
    const after: number = error.passes ? (error.retryAfter ?? 0) : 0;
    return `${error.code} ${error.message} ${after}`;
  }
  return String(error);
}

export async function send(file: File, blob: Blob): Promise<FileRecord> {
  const upload: Upload = people[0]!.upload(file, options);
  upload.pause();
  upload.resume();
  const state: UploadState = upload.state;
  console.log(state, upload.file.size, upload.record?.id, shown(upload.progress));
  const other = people[1]!.upload(blob, { checksum: "sha256" });
  other.catch(explained).finally(() => {});
  await other.cancel();
  const ended: FileRecord = await upload.finally(() => {});
  told(ended);
  return upload;
}

// What the types must refuse.
// @ts-expect-error a service is needed
new Slipway({ token: "t" });
// @ts-expect-error there is no such checksum
people[0]!.upload(new Blob(), { checksum: "md5" });
// @ts-expect-error values of metadata are text
people[0]!.upload(new Blob(), { metadata: { pages: 3 } });
// @ts-expect-error a path is no file
people[0]!.upload("/tmp/film.mp4");
