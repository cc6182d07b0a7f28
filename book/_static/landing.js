/* A link to a card must end on it. What is folded around it opens. Equations and folded cells change the height of a page
   after the browser has gone there, so once everything is set it goes there again, unless the reader has moved meanwhile. */
(() => {
  let moved = false;
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"])
    addEventListener(kind, () => (moved = true), { once: true, passive: true });

  const target = () => {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return null; // not an address of this page's own
    }
  };
  function unfold() {
    const section = target()?.closest("section");
    const own = section?.querySelector(":scope > details.folded") ?? section;
    for (let fold = own?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }
  const land = () => !moved && target()?.scrollIntoView({ behavior: "instant" });

  addEventListener("DOMContentLoaded", unfold);
  addEventListener("hashchange", () => {
    unfold();
    target()?.scrollIntoView({ behavior: "instant" });
  });
  addEventListener("load", async () => {
    if (!target()) return;
    await window.MathJax?.startup?.promise;
    await document.fonts?.ready;
    land();
    // What is still laid out late (folded cells, images) moves the target once more.
    const watcher = new ResizeObserver(land);
    watcher.observe(document.body);
    setTimeout(() => watcher.disconnect(), 3000);
  });
})();
