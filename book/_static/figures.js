/* A figure opens larger, with its caption. Without this script its link leads to the picture itself. */
addEventListener("click", (event) => {
  const link = event.target.closest?.("a.full-size");
  const figure = link?.closest("figure");
  if (!figure || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();

  const dialog = document.createElement("dialog");
  const close = document.createElement("button");
  const picture = document.createElement("div");
  const caption = figure.querySelector("figcaption").cloneNode(true);
  dialog.className = "enlarged";
  dialog.setAttribute("aria-label", caption.querySelector(".caption-number")?.textContent.trim() || "Figure");
  close.textContent = "Close";
  picture.tabIndex = 0; // the keyboard moves what is wider than the screen
  picture.setAttribute("role", "group");
  picture.setAttribute("aria-label", "Picture");
  picture.append(link.firstElementChild.cloneNode(true));
  for (const one of [caption, ...caption.querySelectorAll("[id]")]) one.removeAttribute("id");
  caption.querySelector(".headerlink")?.remove();
  dialog.append(close, picture, caption);
  link.closest("article, main").append(dialog);

  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal(); // Escape closes it, and the focus goes back to the link
});
