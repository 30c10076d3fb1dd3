/** A page of an application that has always used Uppy; tests call what it hangs on `window`.
 *
 * ?asked=… is JSON: the `module` with the packages, options for the `uploader`, `restrictions`,
 * and whether it `declares` the sizes of files.
 */

const asked = JSON.parse(new URLSearchParams(location.search).get("asked"));
const { AwsS3, GoldenRetriever, Uppy } = await import(asked.module);
const MIB = 2 ** 20;

const uppy = new Uppy({ restrictions: asked.restrictions });
uppy.use(AwsS3, asked.uploader);
uppy.use(GoldenRetriever, { indexedDB: { maxFileSize: 100 * MIB } });
window.uppy = uppy;

if (asked.declares) uppy.on("file-added", ({ id, size }) => uppy.setFileMeta(id, { size }));

/** What Uppy's Informer, or the application's own, shows the person. */
uppy.on("info-visible", () => {
  for (const { message, details } of uppy.getState().info) {
    const line = document.createElement("li");
    line.textContent = [message, details].filter(Boolean).join(" ");
    document.querySelector("#told").append(line);
  }
});
uppy.on("restored", () => (document.documentElement.dataset.restored = "true"));

window.ended = new Promise((resolve) => uppy.on("complete", resolve));

/** Uploads the chosen files. */
window.begin = () => {
  for (const file of document.querySelector("#files").files) {
    try {
      uppy.addFile({ source: "page", name: file.name, type: file.type, data: file });
    } catch (error) {
      if (!error.isRestriction) throw error; // which the Informer has told
    }
  }
  uppy.upload();
};

/** Which files arrived where, and why others did not. */
window.outcome = async () => {
  const { successful, failed } = await window.ended;
  return {
    successful: successful.map(({ name, response }) => ({ name, key: response.body.key })),
    failed: failed.map(({ name, error }) => ({ name, error })),
  };
};

/** All that Golden Retriever has kept, as text: what it knows, and how large each file is. */
window.kept = async () => {
  const database = await answer(indexedDB.open("uppy-blobs"));
  const all = (name) => answer(database.transaction(name).objectStore(name).getAll());
  const rows = (await Promise.all(Array.from(database.objectStoreNames, all))).flat();
  database.close();
  const texts = rows.map(({ metadata, data }) => metadata ?? `${data.size} bytes`);
  return [...texts, JSON.stringify(localStorage)].join("\n");
};

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

document.documentElement.dataset.ready = "true";
