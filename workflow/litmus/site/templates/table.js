// Search, filters and sorting of the table of claims. Without it the table is simply whole and in its first order.
"use strict";

(() => {
  const form = document.getElementById("filters");
  const [body, late] = document.getElementById("claims").tBodies; // `late` is not drawn before its rows have moved to `body`
  const status = document.getElementById("count");
  const rows = [...body.rows, ...(late?.rows ?? [])].map((row) => ({ row, text: row.textContent.toLowerCase(), data: row.dataset }));
  const field = (name) => document.getElementById(name);
  const choices = ["theme", "evidence", "verdict"];

  function drawAll() {
    if (late) body.append(...late.rows);
  }

  function drawMore() {
    if (!late?.rows.length) return;
    body.append(...[...late.rows].slice(0, 200));
    setTimeout(drawMore, 20);
  }

  function matches({ text, data }, words, chosen) {
    if (!words.every((word) => text.includes(word))) return false;
    if (chosen.theme && data.theme !== chosen.theme) return false;
    if (chosen.evidence && data.evidence !== chosen.evidence) return false;
    if (chosen.verdict === "odd") return "odd" in data;
    return !chosen.verdict || data.verdict === chosen.verdict;
  }

  function filter() {
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = Object.fromEntries(choices.map((name) => [name, field(name).value]));
    let shown = 0;
    for (const entry of rows) {
      const visible = matches(entry, words, chosen);
      if (entry.row.hidden === visible) entry.row.hidden = !visible;
      shown += visible;
    }
    if (shown < rows.length) drawAll();
    status.textContent = shown === rows.length ? `${shown} claims` : `${shown} of ${rows.length} claims`;
    const state = new URLSearchParams();
    for (const name of ["search", ...choices]) if (field(name).value) state.set(name, field(name).value);
    history.replaceState(null, "", state.size ? `#${state}` : location.pathname);
  }

  function key(row, column, numeric) {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    if (!numeric) return text.toLowerCase();
    const number = Number.parseFloat(text.replace("infinity", "Infinity").replace(/^(-?)inf$/, "$1Infinity"));
    return Number.isNaN(number) ? null : number;
  }

  function sort(header) {
    const column = header.cellIndex;
    const numeric = header.dataset.kind === "number";
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentElement.cells) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const keyed = rows.map((entry) => [key(entry.row, column, numeric), entry.row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // what has no number comes last
      const order = numeric ? a - b : a.localeCompare(b);
      return ascending ? order : -order;
    });
    body.append(...keyed.map(([, row]) => row));
  }

  const saved = new URLSearchParams(location.hash.slice(1));
  for (const name of ["search", ...choices]) field(name).value = saved.get(name) ?? "";
  form.addEventListener("input", filter);
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  for (const header of document.querySelectorAll("#claims th[aria-sort]")) {
    header.querySelector("button").addEventListener("click", () => sort(header));
  }
  filter();
  addEventListener("beforeprint", drawAll);
  addEventListener("load", () => setTimeout(drawMore, 20));
})();
