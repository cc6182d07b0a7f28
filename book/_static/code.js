/* One button for all code of a page, in its header; the choice is kept. Without this script every cell has a bar of its own. */
addEventListener("DOMContentLoaded", () => {
  const folded = [...document.querySelectorAll(".cell:not(.tag_parameters) details.hide.above-input")];
  const header = document.querySelector(".article-header-buttons");
  if (!folded.length || !header) return;

  const button = document.createElement("button");
  button.className = "btn show-code";
  header.prepend(button);

  const show = (shown) => {
    document.documentElement.classList.toggle("code-hidden", !shown);
    for (const details of folded) details.open = shown;
    button.textContent = shown ? "Hide code" : "Show code";
    button.setAttribute("aria-pressed", shown);
  };
  let shown = false;
  try {
    shown = localStorage.getItem("companion-code") === "shown";
  } catch {
    // no storage: hidden on every page
  }
  show(shown);
  button.addEventListener("click", () => {
    show((shown = !shown));
    try {
      localStorage.setItem("companion-code", shown ? "shown" : "hidden");
    } catch {
      // kept on this page only
    }
  });
});
