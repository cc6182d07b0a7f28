/* Small explorers inside pages. In a page stands <div class="explore" data-explore="NAME"> with a sentence and a link, all that
   there is without this script, in JupyterLab and on paper. When it comes near the screen, and not before, the scripts are
   fetched, and explore-small.js adds knobs, a picture and a sentence. */
(() => {
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const STYLES = ["vendor/uplot/uPlot.min.css", "explorer.css"];
  const EXPLORER = ["explorer-digits.js", "explorer-worker.js", "explorer-draw.js"];
  const NEEDED = {
    gap: EXPLORER, spectrum: EXPLORER, overflow: ["explorer-draw.js"],
    training: ["trainer-digits.js", "trainer-network.js", "trainer-worker.js", "trainer-run.js", "explorer-draw.js"],
  };
  const ALL = ["vendor/uplot/uPlot.iife.min.js", "explorer-sampler.js", "interactive.js"];

  const fetched = {};
  function fetchOnce(name) {
    return (fetched[name] ??= new Promise((resolve, reject) => {
      const element = document.createElement(name.endsWith("css") ? "link" : "script");
      if (name.endsWith("css")) Object.assign(element, { rel: "stylesheet", href: here + name });
      else Object.assign(element, { async: false, src: here + name });
      Object.assign(element, { onload: resolve, onerror: reject });
      document.head.append(element);
    }));
  }

  addEventListener("DOMContentLoaded", () => {
    const places = document.querySelectorAll(".explore[data-explore]");
    const near = new IntersectionObserver((seen) => {
      for (const place of seen.filter((one) => one.isIntersecting).map((one) => one.target)) {
        near.unobserve(place);
        const name = place.dataset.explore;
        Promise.all([...STYLES, ...ALL, ...NEEDED[name], "explore-small.js"].map(fetchOnce)).then(
          () => SMALL_EXPLORERS[name](place),
          () => place.classList.remove("awaited"), // something is missing: the sentence stays
        );
      }
    }, { rootMargin: "300px" });
    for (const place of places) {
      place.classList.add("awaited"); // keeps the room, so that nothing on the page moves later
      near.observe(place);
    }
  });
})();
