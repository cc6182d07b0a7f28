/* Excerpts in the search's results are sentences: formulas are left out of them, not shown as LaTeX. A section whose heading
   is what was asked for comes before pages that merely have the words. */
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  Scorer.score = ([, title, , , score]) => score + (title.includes(" > ") ? 100 : 0); // a page, and a heading on it
  const text = Search.htmlToText;
  Search.htmlToText = (html, ...rest) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const formula of page.querySelectorAll(".math")) formula.replaceWith("…");
    return text(page.documentElement.outerHTML, ...rest);
  };
});
