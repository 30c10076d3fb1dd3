/** What can be done with a file. */

import { announce, complain } from "../lib/announce.js";
import { confirmed } from "../lib/dialog.js";
import { h, name } from "../lib/dom.js";

const THERE = ["uploaded", "processing", "completed"];

export const canDownload = ({ status }) => THERE.includes(status);

/** The store answers with `Content-Disposition: attachment`, so the page stays. */
export async function download({ api }, { id }) {
  try {
    const { url } = await api.post(`/files/${id}/download-url`, {});
    h("a", { href: url, download: "", rel: "noreferrer" }).click();
  } catch (error) {
    complain(error.message);
  }
}

/** Asks first; `gone` is called once the file is. */
export async function remove({ api }, file, gone) {
  const question = [
    "Delete ",
    h("strong", {}, name(file.filename)),
    "? Its bytes are removed from the store, and nobody can bring them back.",
  ];
  const act = () => api.delete(`/files/${file.id}`).catch(unlessGone);
  const isDone = await confirmed({
    title: "Delete the file",
    question,
    verb: "Delete",
    isDangerous: true,
    act,
  });
  if (!isDone) return;
  gone();
  announce(`Deleted ${file.filename}`);
}

function unlessGone(error) {
  if (error.status !== 404) throw error;
}
