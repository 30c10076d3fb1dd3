/** One upload of this page: what it is about, how far it is, and what can be done about it. */

const OVER = ["done", "failed", "cancelled"];
const NOT_YET = { state: "preparing", loaded: 0, rate: 0, timeLeft: null };
/** Characters of a folder's path that are kept with the file; all its metadata may have 2 KiB. */
const MAX_PATH = 400;

export class Item {
  /** What it failed by, null if it did not. */
  error = null;
  /** Settles when it is over. */
  ended = null;
  /** Whether other tabs can see that it is under way. */
  isHeld = false;
  #slipway;
  #options;
  #onChange;
  #upload = null;

  /** `onChange()` is called whenever `progress` is another. `record` is that of an earlier page,
   *  which this goes on with. */
  constructor(slipway, file, options, onChange) {
    const { path = "", policy = "", checksum = false, record = null } = options;
    this.file = file;
    this.path = path;
    this.earlier = record;
    this.#slipway = slipway;
    this.#onChange = onChange;
    const wish = record ? asBefore(record) : asWished(path, policy);
    this.#options = { ...wish, ...(checksum && { checksum: "crc64nvme" }) };
  }

  get name() {
    return this.#options.filename ?? this.file.name;
  }

  get record() {
    return this.#upload?.record ?? null;
  }

  get progress() {
    return this.#upload?.progress ?? { ...NOT_YET, total: this.file.size };
  }

  get state() {
    return this.progress.state;
  }

  /** Why it failed, for people: without the place in a batch that nobody has seen. */
  get reason() {
    return this.error?.message.replace(/^files\.\d+: /, "") ?? "";
  }

  get isOver() {
    return OVER.includes(this.state);
  }

  /** Resolves to the record, or null when it failed or was cancelled; never rejects. */
  async run() {
    this.error = null;
    const onProgress = () => this.#upload && this.#onChange();
    this.#upload = this.#slipway.upload(this.file, { ...this.#options, onProgress });
    try {
      return await this.#upload;
    } catch (error) {
      this.error = error;
      return null;
    } finally {
      this.#onChange();
    }
  }

  pause() {
    if (!this.isOver) this.#upload?.pause();
  }

  resume() {
    this.#upload?.resume();
  }

  cancel() {
    return this.#upload?.cancel();
  }
}

function asWished(path, policy) {
  return {
    ...(policy && { policy }),
    ...(path && path.length <= MAX_PATH && { metadata: { path } }),
  };
}

/** The same wish as then, by which the client knows the upload again. */
function asBefore({ filename, type, policy, metadata }) {
  return { filename, type, metadata, ...(policy !== "default" && { policy }) };
}
