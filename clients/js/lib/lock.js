/** What one page has for itself, among all of the browser: https://www.w3.org/TR/web-locks/ */

/** Milliseconds; a page that was closed or loaded anew lets go a little later. */
const PATIENCE = 1000;

/** A function that lets go; null while another has it. Without the API, as over plain HTTP, no page
 *  knows of the others. */
export function locked(name) {
  return new Promise((resolve) => {
    const held = () => new Promise((release) => resolve(release));
    const refused = (error) => resolve(error.name === "TimeoutError" ? null : () => {});
    if (!navigator.locks) return resolve(() => {});
    navigator.locks.request(name, { signal: AbortSignal.timeout(PATIENCE) }, held).catch(refused);
  });
}
