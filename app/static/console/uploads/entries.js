/** The files in what somebody dropped or chose, those in folders with their path. */

/** `{ file, path }` for each; `path` is "" outside folders. A drop can be read only while its event
 *  lasts, so what it holds is taken at once, and the folders are walked later. */
export function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return walked(entries.filter((entry) => entry !== null));
}

export function chosen(files) {
  return [...files].map((file) => ({ file, path: folderOf(file.webkitRelativePath) }));
}

/** Throws what the browser says of a folder that cannot be read. */
async function* walked(entries) {
  for (const entry of entries) {
    if (entry instanceof File) yield { file: entry, path: "" };
    else if (entry.isFile) yield { file: await fileOf(entry), path: folderOf(entry.fullPath) };
    else yield* walked(await all(entry.createReader()));
  }
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** readEntries gives a hundred at a time, and none at the end:
 *  https://wicg.github.io/entries-api/#dom-filesystemdirectoryreader-readentries */
async function all(reader) {
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return entries;
    entries.push(...some);
  }
}

function folderOf(path) {
  return path.replace(/^\//, "").split("/").slice(0, -1).join("/");
}
