"use strict";
// Folded figures are unpacked when their block is opened, before printing, and when a link leads to one.
async function unpack(holder) {
  const store = holder.querySelector("script");
  if (!store || holder.dataset.done) return;
  holder.dataset.done = "yes";
  const bytes = Uint8Array.from(atob(store.textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const drawing = new DOMParser().parseFromString(await new Response(stream).text(), "image/svg+xml");
  holder.replaceChildren(document.importNode(drawing.documentElement, true));
}
function unpackWithin(block) {
  return Promise.all([...block.querySelectorAll("[data-packed]")].map(unpack));
}
for (const block of document.querySelectorAll("details.set")) {
  block.addEventListener("toggle", () => { if (block.open) unpackWithin(block); });
}
async function follow() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const blocks = [];
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") blocks.push(at);
  for (const block of blocks) { block.open = true; await unpackWithin(block); }
  if (blocks.length) target.scrollIntoView();
}
addEventListener("hashchange", follow);
follow();
addEventListener("beforeprint", () => {
  for (const block of document.querySelectorAll("details.set[open]")) unpackWithin(block);
});

// A drawing becomes a PNG on white paper, in the colours of its file, when it is asked for.
async function raster(figure) {
  const drawing = figure.querySelector(".drawing svg").cloneNode(true);
  const [, , width, height] = drawing.getAttribute("viewBox").split(" ").map(Number);
  drawing.setAttribute("width", width);
  drawing.setAttribute("height", height);
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(drawing))}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((size) => Math.round(3 * size));
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
for (const file of document.querySelectorAll('.files a[href$=".svg"]')) {
  const make = document.createElement("button");
  make.type = "button";
  make.textContent = "PNG";
  make.addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = await raster(file.closest("figure"));
    link.download = file.getAttribute("href").split("/").pop().replace(/svg$/, "png");
    link.click();
  });
  file.after(" · ", make);
}

// Light, dark, or as the system has it.
const themes = ["", "light", "dark"];
const button = document.getElementById("theme");
function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  button.textContent = `Theme: ${theme || "system"}`;
}
let chosen = "";
try { chosen = localStorage.getItem("superpos-theme") || ""; } catch { /* a page without storage */ }
paint(themes.includes(chosen) ? chosen : "");
button.hidden = false;
button.addEventListener("click", () => {
  chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
  paint(chosen);
  try { localStorage.setItem("superpos-theme", chosen); } catch { /* likewise */ }
});

// Tables are sorted by a click on a heading, and filtered by what is typed above them.
const number = (text) => {
  const found = text.replaceAll(",", "").replace("−", "-").match(/[-+]?\d*\.?\d+(?:e[-+]?\d+)?/i);
  return found ? Number(found[0]) : NaN;
};
for (const table of document.querySelectorAll("table.data")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const heading = document.createElement("button");
    heading.append(...cell.childNodes);
    cell.append(heading);
    heading.addEventListener("click", () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent.trim();
      const numeric = cell.classList.contains("number");
      const order = (a, b) => numeric
        ? (number(text(a)) || -Infinity) - (number(text(b)) || -Infinity)
        : text(a).localeCompare(text(b));
      body.append(...[...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))));
    });
  });
  if (rows.length > 7) {
    const filter = document.createElement("input");
    filter.type = "search";
    filter.placeholder = `Filter ${rows.length} rows`;
    filter.setAttribute("aria-label", "Filter the rows of the table below");
    filter.addEventListener("input", () => {
      const wanted = filter.value.toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    table.parentElement.before(filter);
  }
}

// The contents say where the reader is.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "0px 0px -70% 0px" });
for (const id of links.keys()) { const part = document.getElementById(id); if (part) seen.observe(part); }
