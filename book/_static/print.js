/* Paper is white: a page in dark mode is printed in the light one's colors. */
(() => {
  const root = document.documentElement;
  let worn = null;
  addEventListener("beforeprint", () => {
    worn = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    if (worn) root.dataset.theme = worn;
  });
})();
