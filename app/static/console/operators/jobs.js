/** The workers' jobs: those that failed for good, and running them again. */

import { announce, complain } from "../lib/announce.js";
import { confirmed } from "../lib/dialog.js";
import { h } from "../lib/dom.js";
import { count, timeOf } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { Table } from "../lib/table.js";
import { segments } from "./controls.js";
import { showFile } from "./file.js";
import { PagedList } from "./paged.js";

const PAGE = 50;
const NONE = {
  failed: "No job has failed.",
  todo: "No job waits.",
  doing: "No job is running.",
};
const WHY = "Why a job failed stands in the workers' log: look for job_failed and its number.";
const DOES = {
  discard: "Remove a failed file from the store",
  delete: "Finish a deletion",
  sweep: "End uploads past their end",
  retry_stalled: "Take over the jobs of workers that died",
  forget_deliveries: "Forget old deliveries",
};

export function jobs(api) {
  let status = "failed";
  const retry = async ({ id }) => {
    try {
      await api.post(`/admin/jobs/${id}/retry`);
      announce(`Job ${id} waits for a worker`);
    } catch (error) {
      if (error.status !== 404) return complain(error.message);
      announce(`Job ${id} has not failed any more`);
    }
    table.remove(id);
    list.say();
  };
  const open = (id) => {
    const show = (file) => showFile(api, file);
    api.get(`/admin/files/${id}`).then(show, (error) => complain(error.message));
  };
  const table = new Table({
    name: "jobs",
    label: "Jobs, oldest first",
    columns: columns(open, retry),
    key: (job) => job.id,
  });
  const choose = (value) => {
    status = value;
    list.load();
  };
  const choices = [
    ["failed", "Failed"],
    ["todo", "Waiting"],
    ["doing", "Running"],
  ];
  const which = segments({ legend: "Which jobs", choices, chosen: status, choose });
  const all = h("button", { type: "button" }, icon("retry"), "Retry all failed");
  all.addEventListener("click", () => retryAll(api, () => list.load()));
  const list = new PagedList({
    get: (cursor, signal) => api.get("/admin/jobs", { status, limit: PAGE, cursor }, { signal }),
    table,
    tools: [
      h("div", {}, h("h2", {}, "Jobs"), h("p", { class: "help" }, WHY)),
      h("div", { class: "tools" }, which, all),
    ],
    words: { one: "job", none: () => NONE[status] },
  });
  return { element: list.element, load: () => list.load() };
}

/** Asks first: of many, somebody should know why they failed. */
async function retryAll(api, done) {
  const question = "Run every failed job again, from its first attempt? Mend first what they failed of.";
  let retried = 0;
  const act = async () => ({ retried } = await api.post("/admin/jobs/retry"));
  if (!(await confirmed({ title: "Retry all failed jobs", question, verb: "Retry all", act }))) return;
  announce(`${count(retried, "job")} to run again`);
  done();
}

function columns(open, retry) {
  return [
    { label: "Job", cell: titleCell, class: "main" },
    { label: "File", cell: (job) => fileCell(job, open), class: "owner" },
    { label: "Since", cell: (job) => timeOf(job.changed_at ?? job.at), class: "soft added" },
    {
      label: h("span", { class: "visually-hidden" }, "Actions"),
      cell: (job) => (job.status === "failed" ? button(job, retry) : null),
      class: "actions",
    },
  ];
}

function titleCell({ id, name, attempts, status }) {
  const tried = status === "failed" ? `failed after ${count(attempts, "attempt")}` : "";
  const more = [`job ${id}`, tried].filter((part) => part).join(", ");
  return h("div", {}, DOES[name] ?? name, h("span", { class: "help block" }, `${name} · ${more}`));
}

function fileCell({ file_id: id }, open) {
  if (id === null) return "–";
  const attributes = { type: "button", class: "link", title: "Show the file" };
  const code = h("code", { class: "one-line" }, id);
  return h("button", { ...attributes, onclick: () => open(id) }, code);
}

function button(job, retry) {
  const attributes = { type: "button", "aria-label": `Retry job ${job.id}` };
  const element = h("button", attributes, icon("retry"), "Retry");
  element.addEventListener("click", async () => {
    element.disabled = true;
    await retry(job);
    element.disabled = false;
  });
  return element;
}
