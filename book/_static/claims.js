/* The claims page's filter. Without it the whole tables are there; with it, a form narrows them down, says how many
   rows are left, and keeps its state in the address (#verdict=refuted&text=width), so that a view can be shared. */
(() => {
  const form = document.getElementById("ledger-filter");
  const count = document.getElementById("ledger-count");
  const none = document.getElementById("ledger-none");

  // What one types on any keyboard finds the symbols: n^2 is n², lambda is λ, sqrt(d) is √d, <= is ≤, V is V̂; and either
  // spelling finds both: centering, initialization.
  const NAMES = {
    alpha: "α", delta: "δ", epsilon: "ε", theta: "θ", lambda: "λ", nu: "ν", pi: "π", sigma: "σς", psi: "ψ", omega: "ω",
    chi: "χ", sqrt: "√", "<=": "≤", ">=": "≥", "->": "→↦", "+-": "±", "-": "−–", "/": "⁄", x: "×", "*": "·", "'": "′’",
    inf: "∞", "~": "≈", "|": "‖",
  };
  const SPELT = new Map(Object.entries(NAMES).flatMap(([name, symbols]) => [...symbols].map((one) => [one, name])));
  const plain = (text) =>
    [...text.normalize("NFKD").toLowerCase().replace(/[\p{M}^_{}]/gu, "").replaceAll("center", "centr").replaceAll("is", "iz")]
      .map((one) => SPELT.get(one) ?? one).join("");
  const bare = (text) => text.replace(/[()]/g, "");
  const tables = [...document.querySelectorAll("table.ledger")];
  const rows = tables.flatMap((table) =>
    [...table.querySelectorAll("tr[data-verdict]")].map((row) => ({
      row,
      verdict: row.dataset.verdict,
      part: table.dataset.part,
      notebook: row.dataset.notebook,
      // What an item says is in the group's first row and counts for each of its claims.
      text: plain(`${row.parentElement.rows[0].textContent} ${row.textContent}`),
    })),
  );

  const chosen = () => [...new FormData(form)].filter(([, value]) => value.trim() !== "");

  // Brackets count as they are typed, but a word in full brackets also finds one that needs none.
  function finds(text, word) {
    return text.includes(word) || (/\(.+\)/.test(word) && bare(text).includes(bare(word)));
  }

  function matches(entry, filters) {
    return filters.every(([name, value]) =>
      name === "text"
        ? plain(value).trim().split(/\s+/).every((word) => finds(entry.text, word))
        : entry[name] === value,
    );
  }

  function show() {
    const filters = chosen();
    let left = 0;
    for (const entry of rows) {
      entry.row.hidden = !matches(entry, filters);
      left += !entry.row.hidden;
    }
    for (const table of tables) {
      for (const group of table.tBodies) {
        group.hidden = !group.querySelector("tr[data-verdict]:not([hidden])");
      }
      table.hidden = [...table.tBodies].every((group) => group.hidden);
      table.closest("section").hidden = table.hidden; // its heading too
    }
    count.value = `${left} of ${rows.length} rows`;
    none.hidden = left > 0;
  }

  // A hash without "=" is an ordinary anchor and none of ours.
  function read() {
    const hash = location.hash.slice(1);
    const state = new URLSearchParams(hash.includes("=") ? hash : "");
    for (const field of form.elements) {
      if (!field.name) continue;
      field.value = state.get(field.name) ?? "";
      if (field.selectedIndex === -1) field.value = ""; // a choice that is not offered
    }
    show();
  }

  function changed() {
    const state = new URLSearchParams(chosen()).toString();
    history.replaceState(null, "", state ? `#${state}` : location.pathname + location.search);
    show();
  }

  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed)); // after the fields have been emptied
  window.addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
