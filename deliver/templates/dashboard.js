
"use strict";
// Sorts and filters the rows that the page already holds. Names are read as text, never as markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("filters");
  if (!form) return;
  const find = byId("find"), site = byId("site"), need = byId("need"), said = byId("said");
  const tables = [...document.querySelectorAll("table.sortable")];
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const plain = (text) => text.normalize("NFKC").toLocaleLowerCase("en");
  const words = new Map();
  for (const row of document.querySelectorAll("tr[data-site]")) words.set(row, plain(row.textContent));

  // Long tables show their first rows; a button shows the others.
  const most = matchMedia("(max-width: 820px)").matches ? 8 : 25;
  const opened = new Set();

  const say = (text) => { said.textContent = text; };

  // ---- Filters
  function apply() {
    const wanted = plain(find.value).split(/\s+/).filter(Boolean);
    let shownAll = 0;
    for (const table of tables) {
      const rows = [...table.tBodies[0].rows];
      const limit = opened.has(table) ? Infinity : most;
      let shown = 0;
      for (const row of rows) {
        const fits = (!site || !site.value || row.dataset.site === site.value)
          && (!need.checked || row.dataset.need !== "0")
          && wanted.every((word) => words.get(row).includes(word));
        row.hidden = !fits;
        shown += fits;
        row.classList.toggle("over", fits && shown > limit);
      }
      shownAll += shown;
      const note = table.closest("section").querySelector(".shown");
      const all = table.closest("section").querySelector(".all");
      all.hidden = shown <= limit;
      all.firstChild.textContent = `Show all ${shown}`;
      note.hidden = shown === rows.length;
      note.textContent = shown ? `${shown} of ${rows.length} fit the filter` : "Nothing here fits the filter";
    }
    say(`${shownAll} rows fit`);
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { apply(); find.focus(); }));
  find.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && find.value) { find.value = ""; apply(); event.preventDefault(); }
  });

  // ---- Sorting
  const value = (row, column) => {
    const cell = row.cells[column];
    return "v" in cell.dataset ? cell.dataset.v : cell.textContent.trim();
  };
  function compare(a, b, numeric) {
    return numeric ? Number(a) - Number(b) : collator.compare(a, b);
  }
  function sort(table, head) {
    const down = head.getAttribute("aria-sort") === "descending";
    const up = head.getAttribute("aria-sort") === "ascending";
    const direction = up ? "descending" : down ? "ascending"
      : head.classList.contains("desc") ? "descending" : "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    const numeric = head.classList.contains("num"), column = head.cellIndex;
    const sign = direction === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
    // What is not known stands last, whichever way the others are sorted.
    rows.sort(([a], [b]) => a === "" || b === "" ? (a === "") - (b === "") : sign * compare(a, b, numeric));
    table.tBodies[0].append(...rows.map(([, row]) => row));
    apply();
    say(`Sorted by ${head.textContent}, ${direction}`);
  }
  for (const table of tables) {
    for (const head of table.tHead.rows[0].cells) {
      if (head.classList.contains("plain")) continue;
      // Buttons are left out of heads that print repeats on every page: the style sheet shows this.
      head.dataset.head = head.textContent;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head));
      head.append(button);
    }
    const all = table.closest("section").querySelector(".all");
    all.firstChild.addEventListener("click", () => {
      const next = table.tBodies[0].querySelector(".over");
      opened.add(table);
      apply();
      // The button is gone: whoever came by keyboard goes on at the first new row.
      if (next) { next.tabIndex = -1; next.focus(); }
    });
  }

  document.documentElement.classList.add("js");
  form.hidden = false;
  // A page that is gone back to comes with what was typed before.
  apply();
})();
