/* The landing page's cloud: the features of two samples, layer by layer, with BN and without. It plays once, can be paused
   and turned by hand, and does not move where the reader's system asks for less motion. */
addEventListener("DOMContentLoaded", () => {
  const figure = document.getElementById("cloud");
  if (!figure) return;

  const WIDTH = 64, LAYERS = 12, DOTS = 250, COSINE = 0.97, PACE = 500; // milliseconds for each layer
  const { generator, root, bnLayer, vanillaLayer } = companionSampler();
  const random = generator(2021);
  const dots = Array.from({ length: DOTS }, () => [random.normal(), random.normal()]);
  const arms = [...figure.querySelectorAll("canvas")].map((canvas) => {
    const layer = canvas.dataset.arm === "bn" ? bnLayer : vanillaLayer;
    const roots = [root([[1, 0], [COSINE, Math.sqrt(1 - COSINE ** 2)]])]; // the triangular root of each Gram matrix
    while (roots.length <= LAYERS) roots.push(layer(roots.at(-1), 2, WIDTH, random));
    return { canvas, roots, said: canvas.parentElement.querySelector("span") };
  });
  const [button, slider, told] = ["button", "input", "b"].map((part) => figure.querySelector(part));
  slider.max = LAYERS;

  let at = 0; // in layers, between two of them while the cloud moves
  function draw() {
    const before = Math.floor(at), after = Math.min(before + 1, LAYERS);
    for (const { canvas, roots, said } of arms) {
      const size = (canvas.width = canvas.height = canvas.clientWidth * devicePixelRatio);
      const pen = canvas.getContext("2d"), { color, outlineColor } = getComputedStyle(canvas);
      const l = roots[before].map((x, i) => x + (at - before) * (roots[after][i] - x));
      pen.translate(size / 2, size / 2);
      pen.scale(size / 6.4, -size / 6.4); // all dots of a round cloud: 3.2 standard deviations to each side
      pen.lineWidth = 0.02;
      pen.strokeStyle = outlineColor;
      pen.beginPath();
      pen.arc(0, 0, 2, 0, 7);
      pen.stroke();
      pen.fillStyle = color;
      for (const [x, y] of dots) {
        pen.beginPath();
        pen.arc(Math.SQRT2 * l[0] * x, Math.SQRT2 * (l[2] * x + l[3] * y), 0.045, 0, 7);
        pen.fill();
      }
      said.textContent = `cosine ${(l[2] / Math.hypot(l[2], l[3])).toFixed(2).replace("-", "−")}`;
    }
    told.textContent = before;
    slider.value = before;
  }

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let playing = false, last;
  function play(on) {
    playing = on;
    button.textContent = on ? "Pause" : "Play";
    if (!on) return;
    if (at >= LAYERS) at = 0;
    last = undefined;
    requestAnimationFrame(step);
  }
  function step(now) {
    if (!playing) return;
    at = Math.min(at + Math.min(now - (last ?? now), 100) / PACE, LAYERS);
    last = now;
    draw();
    if (at < LAYERS) requestAnimationFrame(step);
    else play(false);
  }

  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => {
    play(false);
    at = Number(slider.value);
    draw();
  });
  still.addEventListener("change", () => still.matches && play(false));
  new ResizeObserver(draw).observe(figure);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  figure.classList.add("live");
  if (still.matches) at = LAYERS; // how it ends
  draw();
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    if (!still.matches) play(true);
  });
  seen.observe(figure);
});
