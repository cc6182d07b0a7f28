// The explorer's page: knobs to a setting, the setting to the address and to a worker, what comes back to three plots,
// a sentence and a table. The numbers come from explorer-sampler.js.
(function () {
  "use strict";
  const sampler = companionSampler();
  // Whole numbers with their ranges; a batch wider than the network cannot be orthogonal.
  const KNOBS = {
    n: { label: "batch size", from: 2, to: 32, start: 8, whole: true },
    d: { label: "width", from: ({ n }) => n, low: 2, to: 1e6, start: 1000, whole: true, log: true },
    depth: { label: "depth", from: 2, to: 500, start: 30, whole: true, log: true },
    runs: { label: "number of networks", from: 1, to: 20, start: 10, whole: true },
    seed: { label: "seed", from: 0, to: 2 ** 31 - 1, start: 1, whole: true },
  };
  const STARTS = ["digits", "parallel", "near", "rankone", "mild", "orthogonal"];
  const shared = interactivePage("explorer", KNOBS, [...STARTS, "centered"]);
  const { color, digits, fill, find, number, page, plot, power, say } = shared;

  // ---------------------------------------------------------------- the setting
  function parse(fragment) {
    const { numbers, chosen, remarks } = shared.parse(fragment);
    const start = chosen.find((word) => STARTS.includes(word)) ?? STARTS[0];
    return { ...numbers, start, centered: chosen.includes("centered"), remarks };
  }
  const fragment = (s) =>
    `#n${s.n}-d${s.d}-depth${s.depth}-runs${s.runs}-${s.start}${s.centered ? "-centered" : ""}-seed${s.seed}`;

  let setting = parse(location.hash);

  // ---------------------------------------------------------------- words
  const decades = (x) => Math.log10(Math.max(x, 1e-300)); // smaller ones than doubles hold are drawn there
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const clean = (gap) => (gap < 1e-14 ? 0 : gap); // rounding of a batch that is orthogonal
  const rms = (values) => Math.sqrt(mean(values.map((x) => x * x)));
  /** The plot in words: what is seen, against the floor, Theorem 1 and the critical width. */
  function summary() {
    const { n, d, centered } = state.of, depth = state.gaps.length - 1;
    const last = rms(state.gaps[depth]), floor = sampler.floor(n, d, centered), runs = state.gaps[0].length;
    const dimensions = centered ? n - 1 : n, critical = sampler.criticalWidth(dimensions);
    const words = state.stopped ? [`Stopped at layer ${depth} of ${state.of.depth}.`] : [];
    words.push(
      `With batch normalization the gap of ${n} samples goes from ${digits(state.gaps[0][0])} to ${digits(last)} in ` +
        `${depth} layers of width ${number(d)}` + (runs > 1 ? ` (root mean square of ${runs} networks)` : "") + ": " +
        `${(last / floor).toFixed(2)} times the floor, ${digits(floor)}.`,
      `Without it the gap is ${digits(rms(state.plain[depth]))}.`,
    );
    if (centered) {
      words.push(
        `Centering takes one dimension away, so the gap cannot fall below ${digits(1 / Math.sqrt(n * (n - 1)))}; ` +
          "Theorem 1 is about BN without centering.",
      );
    } else if (state.bound.some((x) => x !== null)) {
      const layer = state.bound.findIndex((x) => x !== null);
      words.push(
        `Theorem 1 is non-vacuous from layer ${layer} on; its bound ends at ${digits(state.bound[depth] ?? state.bound[layer])}, ` +
          `${number(Number(((state.bound[depth] ?? state.bound[layer]) / last).toPrecision(2)))} times the gap.`,
      );
    } else {
      const needed = Math.floor(9 * n ** 4 / (1 - 1 / n));
      words.push(
        `Theorem 1's bound is above the largest possible gap, ${digits(sampler.largestGap(n))}, at every layer: here it is vacuous. ` +
          `For ${n} samples it is non-vacuous only at widths above ${number(needed)}, from the best start.`,
      );
    }
    const least = 10 ** mean(state.least[depth].map(decades));
    if (d < critical) {
      words.push(
        `Width ${number(d)} is below the critical width of about ${number(Math.round(critical))}: the batch loses rank. ` +
          `Its least eigenvalue is ${least > 1.1e-300 ? digits(least) : "less than " + power(-300)} of an orthogonal batch's and keeps falling, however settled the gap looks.`,
      );
    } else if (d < dimensions ** 2) {
      words.push(
        `The width is above the critical one, about ${number(Math.round(critical))}, but below n²: rank is kept, the floor's formula is rough.`,
      );
    }
    return words.join(" ");
  }

  // What is drawn, and of which setting: the knobs may be ahead of it.
  let state = { of: setting, lowest: 1, leastLowest: 0.3 };

  // ---------------------------------------------------------------- plots
  const label = (x) => (x > 9e-4 && x < 1e3 ? String(Number(x.toPrecision(1))) : power(Math.round(Math.log10(x))));
  /** Grid lines of a logarithmic axis, at 1, 2, …, 9 times powers of ten (uPlot's own need limits of that kind). */
  function splits(_, axis, low, high) {
    const found = [];
    for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) {
      for (let m = 1; m < 10; m++) if (m * 10 ** k >= low && m * 10 ** k <= high) found.push(m * 10 ** k);
    }
    return found;
  }
  /** Labels for as many of them as there is room for. */
  function labels(_, at) {
    const wide = Math.log10(at[at.length - 1] / at[0]);
    const shown = wide < 1.2 ? [1, 2, 3, 5, 7] : wide < 2.5 ? [1, 2, 5] : [1];
    return at.map((x) => (shown.includes(Math.round(x / 10 ** Math.floor(Math.log10(x * 1.0001)))) ? label(x) : ""));
  }
  const hidden = { stroke: "transparent", width: 0 }, layers = () => [0, state.of.depth];
  const theory = { stroke: color("ink"), width: 1.5, dash: [7, 4] };
  const gapPlot = plot("gap", 330, {
    lines: [
      hidden, hidden, { stroke: color("vanilla"), width: 2 },
      hidden, hidden, { stroke: color("bn"), width: 2.5 },
      theory, { ...theory, dash: [2, 3] }, { stroke: color("bound"), width: 2.5, dash: [12, 3, 3, 3] },
    ],
    bands: [{ series: [1, 2], fill: color("vanilla", true) }, { series: [4, 5], fill: color("bn", true) }],
    x: layers,
    y: { distr: 3, range: () => [Math.min(state.lowest, sampler.floor(state.of.n, state.of.d, state.of.centered)) * 0.6, 1.2] },
    ticks: { splits, values: labels, filter: (_, at) => at },
    hover,
  });
  // Its logarithm on a plain axis: it may run over hundreds of decades.
  const leastPlot = plot("least", 180, {
    lines: [hidden, hidden, { stroke: color("bn"), width: 2.5 }, theory],
    bands: [{ series: [1, 2], fill: color("bn", true) }],
    x: layers,
    y: { range: () => [Math.min(Math.log10(state.leastLowest) - 0.3, -1), 0.3] },
    ticks: { values: (_, at) => at.map((k) => (Number.isInteger(k) ? label(10 ** k) : "")), incrs: [1, 2, 5, 10, 20, 50, 100], space: 26 },
    hover,
  });

  // ---------------------------------------------------------------- the eigenvalues, a film over the layers
  const GRID = 281, BINS = 40, POOLED = 5; // points of the plot; bars; layers whose eigenvalues one histogram pools
  let shown = 0, film = 0; // the layer on show, and the animation that moves it
  const spectrumPlot = plot("spectrum", 230, {
    lines: [{ stroke: color("bn"), width: 1.5, fill: color("bn", true) }, { ...theory, width: 2 }],
    x: () => [0, law().high],
    y: { range: (_, low, high) => [0, Math.max(high * 1.05, 0.5)] },
    ticks: { values: () => [], size: 12 },
    cursor: { show: false }, incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10],
  });

  /** The stationary law of the setting on show: of the dimensions that are kept, relative to an orthogonal batch's. */
  function law() {
    const { n, d, centered } = state.of, dimensions = centered ? n - 1 : n;
    const kept = sampler.survivingRank(dimensions, d), c = Math.min(kept ** 2 / (4 * d), 1), scale = dimensions / kept;
    const density = (x) => sampler.marchenkoPastur(x / scale, c) / scale ** 2;
    return { dimensions, kept, c, density, high: Math.max(1.15 * scale * (1 + Math.sqrt(c)) ** 2, 2) };
  }

  /** Histogram of the layer on show and those just before it. */
  function drawSpectrum() {
    const rows = (state.spectra ?? []).slice(Math.max(shown - POOLED + 1, 0), shown + 1).flat();
    const { dimensions, kept, c, density, high } = law(), heights = new Float64Array(BINS);
    let count = 0, zero = 0;
    for (const lam of rows) {
      for (const x of lam) {
        count++;
        if (x < 1e-3) zero++;
        else if (x < high) heights[Math.floor((x / high) * BINS)] += 1;
      }
    }
    const x = Array.from({ length: GRID }, (_, i) => (i / (GRID - 1)) * high);
    const bar = (v) => (heights[Math.min(Math.floor((v / high) * BINS), BINS - 1)] / Math.max(count, 1)) * (BINS / high);
    spectrumPlot.setData([x, x.map(bar), x.map(density)]);
    find("at").max = Math.max(state.gaps?.length ?? 1, 1) - 1;
    find("at").value = shown;
    find("spectrum-layer").textContent = `layer ${shown}`;
    const lost = dimensions - kept;
    find("law").textContent =
      `${Math.round((100 * zero) / Math.max(count, 1))} % of the eigenvalues are at zero. ` +
      (lost
        ? `The width is below the critical one, ${number(Math.round(sampler.criticalWidth(dimensions)))}: deep enough, ${kept} of ${dimensions} ` +
          `dimensions survive, and the dashed law is theirs.`
        : `The dashed law has c = ${digits(dimensions ** 2 / (4 * state.of.d))} and its edges at ` +
          `${digits((1 - Math.sqrt(c)) ** 2)} and ${digits((1 + Math.sqrt(c)) ** 2)}.`);
  }

  function pause() {
    clearInterval(film);
    film = 0;
    find("play").textContent = "Play";
  }
  find("play").addEventListener("click", () => {
    if (film) return pause();
    const last = () => state.gaps.length - 1;
    if (shown >= last()) shown = 0;
    drawSpectrum();
    find("play").textContent = "Pause";
    const step = Math.max(1, Math.round(state.of.depth / 100)); // ten seconds at most
    film = setInterval(() => {
      shown = Math.min(shown + step, last());
      drawSpectrum();
      if (shown >= last() && state.finished) pause();
    }, 100);
  });
  find("at").addEventListener("input", () => {
    pause();
    shown = Number(find("at").value);
    drawSpectrum();
  });

  // ---------------------------------------------------------------- the state of the present draw
  let worker = null, spare = null, drawing = 0, waiting = 0, begun = 0;

  const source = `(${companionWorker})((${companionSampler})(), (x) => self.postMessage(x))`;
  const spawn = shared.workers(`const run = ${source}; self.onmessage = (event) => run(event.data);`);

  function begin() {
    if (worker) worker.terminate();
    cancelAnimationFrame(drawing);
    drawing = 0;
    const { n, d, depth, centered } = setting;
    state = { of: setting, theory: [], gaps: [], plain: [], least: [], spectra: [], bound: [null], lowest: 1, leastLowest: 0.3, worst: Infinity, share: 0 };
    worker = spare ?? spawn();
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = (error) => (find("summary").textContent = `The sampler stopped: ${error.message}`);
    worker.postMessage({
      n, width: d, depth, runs: setting.runs, seed: setting.seed, centered, columns: sampler.start(setting.start, n, EXPLORER_DIGITS),
    });
    pause();
    shown = 0;
    page.setAttribute("aria-busy", "true");
    find("stop").disabled = false;
    state.began = performance.now();
    spare = spawn(); // so that the next setting need not wait for one
  }

  function receive({ theory, layers = [], share = 0 }) {
    if (theory) state.theory = theory.map((x) => ({ gap: clean(x.gap), least: x.least }));
    for (const { bn, vanilla } of layers) {
      const layer = state.gaps.length, { n, d, centered } = state.of;
      state.gaps.push(bn.map((x) => clean(x.gap)));
      state.least.push(bn.map((x) => x.least));
      state.spectra.push(bn.map((x) => x.lam));
      if (!film) shown = layer; // follows the draw
      state.plain.push(vanilla.map((x) => clean(x.gap)));
      if (layer > 0) {
        const bound = centered ? Infinity : sampler.theorem1(layer, n, d, state.worst);
        state.bound.push(bound < sampler.largestGap(n) ? bound : null);
      }
      // λ of Theorem 1: the least eigenvalue that any run has met so far.
      state.worst = Math.min(state.worst, ...bn.map((x) => x.least / n));
      if (layer > 0) state.lowest = Math.min(state.lowest, mean(state.gaps[layer]));
      state.leastLowest = Math.min(state.leastLowest, 10 ** Math.min(...bn.map((x) => decades(x.least))));
    }
    state.share = share;
    if (!drawing) drawing = requestAnimationFrame(draw);
  }

  function draw() {
    drawing = 0;
    const count = state.gaps.length, x = Array.from({ length: state.of.depth + 1 }, (_, i) => i);
    const full = (values) => x.map((i) => values[i] ?? null);
    const gaps = (values) => full(values.map((y) => y || null)); // a logarithmic axis has no 0
    const most = (rows) => rows.map((row) => Math.max(...row)), least = (rows) => rows.map((row) => Math.min(...row));
    const floor = sampler.floor(state.of.n, state.of.d, state.of.centered);
    gapPlot.setData([
      x, gaps(most(state.plain)), gaps(least(state.plain)), gaps(state.plain.map(mean)),
      gaps(most(state.gaps)), gaps(least(state.gaps)), gaps(state.gaps.map(mean)),
      gaps(state.theory.map((y) => y.gap)), x.map(() => floor), full(state.bound),
    ]);
    const shown = state.least.map((row) => row.map(decades));
    leastPlot.setData([
      x, full(most(shown)), full(least(shown)), full(shown.map(mean)), full(state.theory.map((y) => decades(y.least))),
    ]);
    drawSpectrum();
    find("legend-bound").hidden = !state.bound.some((y) => y !== null);
    const done = count > state.of.depth || state.stopped, share = Math.max(count - 1 + state.share, 0) / state.of.depth;
    const progress = find("progress");
    progress.value = share;
    progress.hidden = done;
    find("layer").textContent = done ? "" : `layer ${Math.max(count - 1, 0)} of ${state.of.depth}${shared.timeLeft(state.began, share)}`;
    if (done && !state.finished) finish();
  }

  find("stop").addEventListener("click", () => {
    worker.terminate();
    state.stopped = true;
    if (state.gaps.length) return draw();
    find("summary").textContent = "Stopped before the first layer.";
    find("stop").disabled = true;
    page.setAttribute("aria-busy", "false");
  });

  function finish() {
    state.finished = true;
    find("stop").disabled = true;
    if (!waiting) page.setAttribute("aria-busy", "false");
    find("summary").textContent = summary();
    table();
    shared.share(fragment(state.of));
  }

  // ---------------------------------------------------------------- legend values under the pointer, and the table
  function hover(at) {
    const values = at === null || !state.gaps ? {} : {
      bn: state.gaps[at] && mean(state.gaps[at]), vanilla: state.plain[at] && mean(state.plain[at]),
      theory: state.theory[at]?.gap, floor: sampler.floor(state.of.n, state.of.d, state.of.centered), bound: state.bound[at],
    };
    for (const name of ["bn", "vanilla", "theory", "floor", "bound"]) {
      find(`value-${name}`).textContent = values[name] ? digits(values[name]) : "";
    }
    find("hovered").textContent = at === null ? "" : `(layer ${at})`;
    const least = at === null ? undefined : state.least?.[at];
    find("value-least").textContent = least
      ? `(layer ${at}: ${digits(10 ** mean(least.map(decades)))} with BN, ${digits(state.theory[at].least)} at infinite width)` : "";
  }

  function table() {
    const shown = find("numbers").open && state.finished ? state.gaps : [];
    fill(find("rows"), shown.map((row, layer) => [
      layer,
      ...[mean(row), state.theory[layer].gap, state.bound[layer], mean(state.plain[layer]), 10 ** mean(state.least[layer].map(decades))]
        .map((value) => (value === null || value === undefined ? "–" : digits(value))),
    ]));
  }
  find("numbers").addEventListener("toggle", table);

  // ---------------------------------------------------------------- knobs
  const SHARE = { from: 1 / 16, to: 64, steps: 100 }; // of the width in n²: equal steps are equal factors, 1 in the middle

  /** Show the setting on the knobs. */
  function show(except = null) {
    shared.showKnobs(setting, except);
    const share = setting.d / setting.n ** 2;
    if (find("share") !== except) find("share").value = Math.round(SHARE.steps * Math.log(share / SHARE.from) / Math.log(SHARE.to / SHARE.from));
    find("share-value").textContent = digits(share);
    find("share").setAttribute("aria-valuetext", digits(share));
    find("start").value = setting.start;
    find("centered").checked = setting.centered;
    find("batch-figure").hidden = setting.start !== "digits";
    if (setting.start === "digits") images();
    for (const link of page.querySelectorAll("[data-part=presets] a")) {
      const same = fragment({ ...parse(link.hash), seed: setting.seed }) === fragment(setting);
      if (same) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** The batch itself, n images of 8×8 pixels. */
  function images() {
    const canvas = find("batch"), n = setting.n;
    canvas.width = 9 * n - 1;
    canvas.height = 8;
    canvas.style.width = `${Math.min(100, (n * 100) / 16)}%`;
    canvas.setAttribute("aria-label", `The ${n} images of handwritten digits in the batch`);
    const context = canvas.getContext("2d");
    EXPLORER_DIGITS.slice(0, n).forEach((image, j) =>
      image.forEach((value, k) => {
        context.fillStyle = `rgb(${Array(3).fill(255 - 15.9 * value).join(" ")})`;
        context.fillRect(9 * j + (k % 8), Math.floor(k / 8), 1, 1);
      }),
    );
  }

  /** Draw the setting, at most ten times a second while a slider moves: a worker needs time to begin. */
  function soon() {
    page.setAttribute("aria-busy", "true");
    waiting ||= setTimeout(() => {
      waiting = 0;
      begun = performance.now();
      begin();
    }, Math.max(0, begun + 100 - performance.now()));
  }

  function change(values, except) {
    const { d } = setting;
    setting = { ...setting, ...values };
    setting.d = Math.max(setting.d, setting.n);
    say(...("d" in values || setting.d === d ? [] : [`The width is raised to ${setting.d}: it cannot be below the batch size.`]));
    show(except);
    shared.share(fragment(setting));
    soon();
  }

  shared.onKnobs(() => setting, (name, value, moved) => change({ [name]: value }, moved));
  find("share").addEventListener("input", () => {
    const share = SHARE.from * (SHARE.to / SHARE.from) ** (Number(find("share").value) / SHARE.steps);
    change({ d: Math.min(Math.max(Math.round(share * setting.n ** 2), setting.n), KNOBS.d.to) }, find("share"));
  });
  find("start").addEventListener("change", (event) => change({ start: event.target.value }));
  find("centered").addEventListener("change", (event) => change({ centered: event.target.checked }));
  find("again").addEventListener("click", () => change({ seed: (setting.seed + 1) % 2 ** 31 }));
  shared.onAddress((address) => {
    setting = parse(address);
    say(...setting.remarks);
    show();
    shared.share(fragment(setting));
    soon();
  });

  say(...setting.remarks);
  show();
  begin();
})();
