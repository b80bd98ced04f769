// The page of the API: submit a URL, watch the jobs. Scraped text goes through textContent only.
"use strict";

const rows = document.querySelector("#jobs");
const template = document.querySelector("#job");
const message = document.querySelector("#message");
const LIST_EVERY_MS = 2000;
let stream = null; // one connection a page: browsers allow few

const isOpen = (job) => ["queued", "processing", "retrying"].includes(job.status);

function row(id) {
  const known = document.getElementById(`job-${id}`);
  if (known) return known;
  const made = template.content.firstElementChild.cloneNode(true);
  made.id = `job-${id}`;
  made.querySelector(".cancel").addEventListener("click", () => cancel(id));
  return made;
}

function show(job) {
  const shown = row(job.job_id);
  const place = shown.querySelector(".place");
  place.textContent = job.title || job.url;
  place.title = job.url;
  const status = shown.querySelector(".status");
  const notWhole = job.status === "completed" && job.outcome !== "completed";
  status.textContent = notWhole ? `${job.status} (${job.outcome})` : isOpen(job) ? job.stage : job.status;
  status.dataset.status = job.status;
  if (job.queue_position) status.textContent += `, place ${job.queue_position}`;
  status.title = job.error_message || job.waiting_for || "";
  const bar = shown.querySelector("progress");
  const isCounted = !isOpen(job) || job.reviews_total !== null || job.status === "queued";
  if (isCounted) bar.value = job.progress; else bar.removeAttribute("value");
  bar.setAttribute("aria-label", `progress of ${job.title || job.job_id}`);
  shown.querySelector(".percent").textContent = isCounted ? `${job.progress} %` : "";
  const total = job.reviews_total === null ? "" : ` of ${job.reviews_total}`;
  shown.querySelector(".reviews").textContent = `${job.reviews_count}${total}`;
  const created = shown.querySelector("time");
  created.dateTime = job.created_at;
  created.textContent = new Date(job.created_at).toLocaleTimeString();
  const link = shown.querySelector(".download");
  link.hidden = !job.reviews_url;
  link.href = `/jobs/${job.job_id}/reviews`;
  shown.querySelector(".cancel").hidden = !isOpen(job);
  return shown;
}

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail || told.title || `status ${answer.status}`);
  return told;
}

async function list() {
  const { jobs } = await call("GET", "/jobs?limit=50");
  rows.replaceChildren(...jobs.map(show));
  document.querySelector("#empty").hidden = jobs.length > 0;
}

function follow(id) {
  if (stream) stream.close();
  stream = new EventSource(`/jobs/${id}/stream`);
  stream.onmessage = async (event) => {
    const told = JSON.parse(event.data);
    show(await call("GET", `/jobs/${id}`));
    if (!isOpen(told)) stream.close();
  };
  stream.addEventListener("queue", async () => show(await call("GET", `/jobs/${id}`)));
}

async function cancel(id) {
  try { await call("DELETE", `/jobs/${id}`); } catch (error) { message.textContent = error.message; }
}

document.querySelector("#submit").addEventListener("submit", async (event) => {
  event.preventDefault();
  message.textContent = "";
  const field = document.querySelector("#url");
  try {
    const { job_id: id } = await call("POST", "/scrape", { url: field.value });
    await list();
    follow(id);
  } catch (error) {
    message.textContent = error.message;
  }
});

async function refresh() {
  const health = document.querySelector("#health");
  try {
    await list();
    const told = await call("GET", "/health");
    health.textContent = told.status || (told.overall ?? "");
  } catch (error) {
    health.textContent = `not connected: ${error.message}`;
  }
  setTimeout(refresh, LIST_EVERY_MS);
}

refresh();
