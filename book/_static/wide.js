/* A formula in a line of text cannot be broken. One that is wider than its column gets a scroll bar of its own, which the
   keyboard reaches too, so that nothing of it is cut off. */
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const formulae = [...document.querySelectorAll("main span.math")];

  function fit() {
    for (const one of formulae) {
      const column = one.closest("p:not(:is(td, th) > p), li, td, th, dd, figcaption, section"); // a cell's is in line with its label
      const wide = one.firstElementChild?.getBoundingClientRect().width > column.clientWidth + 1;
      one.classList.toggle("wide", wide);
      if (wide) one.tabIndex = 0;
      else one.removeAttribute("tabindex");
    }
  }

  document.addEventListener("toggle", fit, true); // what is folded has no width
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width !== width) fit();
    width = contentRect.width;
  }).observe(document.body);
});
