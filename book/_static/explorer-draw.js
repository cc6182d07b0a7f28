// What the explorer draws, on its own page and in the small ones inside others: settings, the worker that draws them, what has
// come back so far in plots and words. The numbers come from explorer-sampler.js.
const EXPLORER = {
  // Whole numbers with their ranges; a batch wider than the network cannot be orthogonal.
  knobs: {
    n: { label: "batch size", from: 2, to: 32, start: 8, whole: true },
    d: { label: "width", from: ({ n }) => n, low: 2, to: 1e6, start: 1000, whole: true, log: true },
    depth: { label: "depth", from: 2, to: 500, start: 30, whole: true, log: true },
    runs: { label: "number of networks", from: 1, to: 20, start: 10, whole: true },
    seed: { label: "seed", from: 0, to: 2 ** 31 - 1, start: 1, whole: true },
  },
  starts: ["digits", "parallel", "near", "rankone", "mild", "orthogonal"],
  /** The setting in an address of the explorer's page. */
  fragment: (s) => `#n${s.n}-d${s.d}-depth${s.depth}-runs${s.runs}-${s.start}${s.centered ? "-centered" : ""}-seed${s.seed}`,
  mean: (values) => values.reduce((a, b) => a + b, 0) / values.length,
  rms: (values) => Math.sqrt(EXPLORER.mean(values.map((x) => x * x))),
};

/**
 * Draws settings, each from its beginning; a new one ends the one before.
 * @param {object} shared of interactivePage.
 * @param {object} first a setting: n, d, depth, runs, seed, start and whether centered.
 * @param {object} on what to call: `drawn`, once per frame when there is more to show, then `ended`; `failed` with an error.
 * Returns {begin, soon, state, stop}; `state()` is the present draw: `of` which setting, and by layer `gaps`, `plain` without BN,
 * `least` eigenvalues and `spectra`, one entry per network, `bound`; `theory` of all layers; how far it is.
 */
function explorerDraw(shared, sampler, first, on) {
  "use strict";
  const blank = (of) => ({
    of, theory: [], gaps: [], plain: [], least: [], spectra: [], bound: [null], worst: Infinity, share: 0, done: false, stopped: false,
  });
  let state = blank(first), worker = null, spare = null, drawing = 0, waiting = 0, begun = 0;

  const source = `(${companionWorker})((${companionSampler})(), (x) => self.postMessage(x))`;
  const spawn = shared.workers(`const run = ${source}; self.onmessage = (event) => run(event.data);`);
  const clean = (gap) => (gap < 1e-14 ? 0 : gap); // rounding of a batch that is orthogonal
  const busy = (is) => shared.page.setAttribute("aria-busy", String(is));

  function begin(setting) {
    worker?.terminate();
    cancelAnimationFrame(drawing);
    drawing = 0;
    const { n, d, depth, runs, seed, centered, start } = setting;
    state = { ...blank(setting), began: performance.now() };
    worker = spare ?? spawn();
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = on.failed;
    worker.postMessage({ n, width: d, depth, runs, seed, centered, columns: sampler.start(start, n, EXPLORER_DIGITS) });
    busy(true);
    spare = spawn(); // so that the next setting need not wait for one
  }

  function receive({ theory, layers = [], share = 0 }) {
    if (theory) state.theory = theory.map((x) => ({ gap: clean(x.gap), least: x.least }));
    for (const { bn, vanilla } of layers) {
      const layer = state.gaps.length, { n, d, centered } = state.of;
      state.gaps.push(bn.map((x) => clean(x.gap)));
      state.least.push(bn.map((x) => x.least));
      state.spectra.push(bn.map((x) => x.lam));
      state.plain.push(vanilla.map((x) => clean(x.gap)));
      if (layer > 0) {
        const bound = centered ? Infinity : sampler.theorem1(layer, n, d, state.worst);
        state.bound.push(bound < sampler.largestGap(n) ? bound : null);
      }
      // λ of Theorem 1: the least eigenvalue that any run has met so far.
      state.worst = Math.min(state.worst, ...bn.map((x) => x.least / n));
    }
    state.share = Math.max(state.gaps.length - 1 + share, 0) / state.of.depth;
    if (!drawing) drawing = requestAnimationFrame(show);
  }

  function show() {
    drawing = 0;
    const ends = !state.done && (state.stopped || state.gaps.length > state.of.depth);
    state.done ||= ends;
    on.drawn();
    if (!ends) return;
    on.ended();
    if (!waiting) busy(false);
  }

  /** Draw a setting, at most ten times a second while a slider moves: a worker needs time to begin. */
  function soon(setting) {
    busy(true);
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = 0;
      begun = performance.now();
      begin(setting);
    }, Math.max(0, begun + 100 - performance.now()));
  }

  function stop() {
    worker.terminate();
    state.stopped = true;
    show();
  }
  return { begin, soon, state: () => state, stop };
}

/** Plot of the gap against the layer in one of the page's parts, with what `hover` does; returns what draws the state. */
function explorerGapPlot(shared, sampler, part, height, state, hover) {
  "use strict";
  const { color, logarithmic, plot } = shared, { mean } = EXPLORER;
  const hidden = { stroke: "transparent", width: 0 }, theory = { stroke: color("ink"), width: 1.5, dash: [7, 4] };
  const floor = () => sampler.floor(state().of.n, state().of.d, state().of.centered);
  const lowest = () => Math.min(1, ...state().gaps.slice(1).map(mean), floor());
  const made = plot(part, height, {
    lines: [
      hidden, hidden, { stroke: color("vanilla"), width: 2 },
      hidden, hidden, { stroke: color("bn"), width: 2.5 },
      theory, { ...theory, dash: [2, 3] }, { stroke: color("bound"), width: 2.5, dash: [12, 3, 3, 3] },
    ],
    bands: [{ series: [1, 2], fill: color("vanilla", true) }, { series: [4, 5], fill: color("bn", true) }],
    x: () => [0, state().of.depth],
    y: { distr: 3, range: () => [lowest() * 0.6, 1.2] },
    ticks: logarithmic,
    hover,
  });
  return () => {
    const { bound, gaps, of, plain, theory } = state(), x = Array.from({ length: of.depth + 1 }, (_, i) => i);
    const full = (values) => x.map((i) => values[i] || null); // a logarithmic axis has no 0
    const most = (rows) => rows.map((row) => Math.max(...row)), least = (rows) => rows.map((row) => Math.min(...row));
    made.setData([
      x, full(most(plain)), full(least(plain)), full(plain.map(mean)), full(most(gaps)), full(least(gaps)), full(gaps.map(mean)),
      full(theory.map((y) => y.gap)), x.map(floor), full(bound),
    ]);
  };
}

/** The stationary law of a setting: of the dimensions that are kept, relative to an orthogonal batch's. */
function explorerLaw(sampler, { n, d, centered }) {
  const dimensions = centered ? n - 1 : n;
  const kept = sampler.survivingRank(dimensions, d), c = Math.min(kept ** 2 / (4 * d), 1), scale = dimensions / kept;
  const density = (x) => sampler.marchenkoPastur(x / scale, c) / scale ** 2;
  return { dimensions, kept, c, density, edges: sampler.marchenkoPasturEdges(c).map((x) => scale * x) };
}

/** Histogram of eigenvalues and their law in one of the page's parts; returns what draws rows of eigenvalues and says which share is zero. */
function explorerSpectrumPlot(shared, sampler, part, height, state) {
  "use strict";
  const { color, plot } = shared, GRID = 281, BINS = 40; // points of the plot; bars
  const upTo = (law) => Math.max(1.15 * law.edges[1], 2);
  const made = plot(part, height, {
    lines: [{ stroke: color("bn"), width: 1.5, fill: color("bn", true) }, { stroke: color("ink"), width: 2, dash: [7, 4] }],
    x: () => [0, upTo(explorerLaw(sampler, state().of))],
    y: { range: (_, low, high) => [0, Math.max(high * 1.05, 0.5)] },
    ticks: { values: () => [], size: 12 },
    cursor: { show: false }, incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10],
  });
  return (rows) => {
    const law = explorerLaw(sampler, state().of), high = upTo(law), heights = new Float64Array(BINS);
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
    made.setData([x, x.map(bar), x.map(law.density)]);
    return zero / Math.max(count, 1);
  };
}

/** Where the gap went in a draw that has ended, against the floor. */
function explorerFall(shared, sampler, { gaps, of }) {
  const { digits, number } = shared, depth = gaps.length - 1, runs = gaps[0].length;
  const last = EXPLORER.rms(gaps[depth]), floor = sampler.floor(of.n, of.d, of.centered);
  return (
    `With batch normalization the gap of ${of.n} samples goes from ${digits(gaps[0][0])} to ${digits(last)} in ` +
    `${depth} layers of width ${number(of.d)}` + (runs > 1 ? ` (root mean square of ${runs} networks)` : "") + ": " +
    `${(last / floor).toFixed(2)} times the floor, ${digits(floor)}.`
  );
}
