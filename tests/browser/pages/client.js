/** A page as an application writes it; tests call what it hangs on `window`.
 *
 * ?api=…&token=… say where the service is and who asks; &own takes the client from this origin,
 * as a bundled application does.
 */

const asked = new URLSearchParams(location.search);
const api = asked.get("api");
const from = asked.has("own") ? "/client-js" : `${api}/client`;
const { Slipway } = await import(`${from}/slipway.js`);

const slipway = new Slipway({ baseUrl: api, token: asked.get("token") });
window.slipway = slipway;
const files = document.querySelector("#files");

/** Every report of progress, by upload. */
window.seen = [];
window.uploads = [];

/** Begins an upload of each chosen file, or of the Blob. */
window.begin = (options = {}, chosen = files.files) => {
  for (const file of chosen) {
    const seen = [];
    window.seen.push(seen);
    const upload = slipway.upload(file, { ...options, onProgress: (at) => seen.push(at) });
    upload.catch(() => {}); // a test asks for it by `outcome`
    window.uploads.push(upload);
  }
};

/** The record, or the error in plain values. */
window.outcome = (index = 0) =>
  window.uploads[index].then(
    (record) => ({ record }),
    (error) => ({
      name: error.name,
      code: error.code,
      status: error.status,
      message: error.message,
      problem: error.problem,
    }),
  );

document.documentElement.dataset.ready = "true";
