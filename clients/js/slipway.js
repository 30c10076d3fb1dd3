/** Uploads files from a browser straight into object storage, by way of a Slipway service. */

import { Api } from "./lib/api.js";
import { Checksums } from "./lib/checksums.js";
import { Creation } from "./lib/creation.js";
import { Journal } from "./lib/journal.js";
import { Pace } from "./lib/pace.js";
import { Reports } from "./lib/reports.js";
import { Upload } from "./lib/upload.js";

export * from "./lib/errors.js";

/** One service and one person. All uploads of an instance share its limits; see slipway.d.ts. */
export class Slipway {
  #tools;

  constructor({ baseUrl, token, getToken = () => token }) {
    const api = new Api(baseUrl, getToken);
    this.#tools = {
      api,
      creation: new Creation(api),
      reports: new Reports(api),
      journal: new Journal(api.baseUrl),
      checksums: new Checksums(),
      pace: new Pace(),
    };
  }

  /** Begins at once. What it returns can be awaited for the record, paused and cancelled. */
  upload(file, options = {}) {
    return new Upload(file, options, this.#tools);
  }
}
