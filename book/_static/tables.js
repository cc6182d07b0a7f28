/* A table that has no room on a phone becomes a list: a block for each row, each entry under its column's
   head. The table itself stays in the page as it is, for every reader that sees no style. */
document.addEventListener("DOMContentLoaded", () => {
  const tables = [...document.querySelectorAll("main table:not(.overview, .ledger, .plain)")].filter(
    (table) => table.tHead?.rows.length === 1 && !table.querySelector("[colspan], [rowspan]"),
  );
  const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };

  for (const table of tables) {
    const heads = [...table.tHead.rows[0].cells];
    // What style sheets lay out as blocks keeps its meaning only where it is spelt out.
    for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, td")]) part.setAttribute("role", ROLES[part.tagName]);
    for (const head of table.querySelectorAll("th"))
      head.setAttribute("role", heads.includes(head) ? "columnheader" : "rowheader");
    for (const body of table.tBodies)
      for (const row of body.rows)
        [...row.cells].forEach((cell, i) => cell.setAttribute("data-label", heads[i]?.textContent.trim() ?? ""));
  }

  function fit() {
    for (const table of tables) table.classList.remove("stacked");
    if (innerWidth > 900) return; // it scrolls by itself there
    // Too wide, or so narrow for its text that an entry is a tall column of single words.
    const wide = tables.filter((table) => {
      const tallest = Math.max(...[...table.rows].map((row) => row.offsetHeight));
      const line = parseFloat(getComputedStyle(table).lineHeight);
      return table.offsetWidth > table.parentElement.clientWidth + 1 || tallest > 5 * line;
    });
    for (const table of wide) table.classList.add("stacked");
  }

  document.addEventListener("toggle", fit, true); // what is folded has no width
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width !== width) fit();
    width = contentRect.width;
  }).observe(document.body);
  document.fonts?.ready.then(fit);
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(fit)); // equations take another width once typeset
});
