/* Excerpts in the search's results are sentences: formulas are left out of them, not shown as LaTeX. */
addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const text = Search.htmlToText;
  Search.htmlToText = (html, ...rest) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const formula of page.querySelectorAll(".math")) formula.replaceWith("…");
    return text(page.documentElement.outerHTML, ...rest);
  };
});
