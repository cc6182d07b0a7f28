// The explorer's page: knobs to a setting, the setting to the address and to a draw (explorer-draw.js), what comes of it to three
// plots, a sentence and a table.
(function () {
  "use strict";
  const sampler = companionSampler();
  const shared = interactivePage(document.getElementById("explorer"), EXPLORER.knobs, [...EXPLORER.starts, "centered"]);
  const { color, digits, fill, find, label, number, page, plot, power, say } = shared, { fragment, mean, rms } = EXPLORER;

  // ---------------------------------------------------------------- the setting
  function parse(fragment) {
    const { numbers, chosen, remarks } = shared.parse(fragment);
    const start = chosen.find((word) => EXPLORER.starts.includes(word)) ?? EXPLORER.starts[0];
    return { ...numbers, start, centered: chosen.includes("centered"), remarks };
  }

  let setting = parse(location.hash);

  // ---------------------------------------------------------------- words
  const decades = (x) => Math.log10(Math.max(x, 1e-300)); // smaller ones than doubles hold are drawn there
  /** The plot in words: what is seen, against the floor, Theorem 1 and the critical width. */
  function summary() {
    const state = draw.state(), { n, d, centered } = state.of, depth = state.gaps.length - 1, last = rms(state.gaps[depth]);
    const dimensions = centered ? n - 1 : n, critical = sampler.criticalWidth(dimensions);
    const words = state.stopped ? [`Stopped at layer ${depth} of ${state.of.depth}.`] : [];
    words.push(
      explorerFall(shared, sampler, state),
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
  const draw = explorerDraw(shared, sampler, setting, {
    drawn, ended, failed: (error) => (find("summary").textContent = `The sampler stopped: ${error.message}`),
  });

  // ---------------------------------------------------------------- plots
  const gapPlot = explorerGapPlot(shared, sampler, "gap", 330, draw.state, hover);
  const hidden = { stroke: "transparent", width: 0 };
  // Its logarithm on a plain axis: it may run over hundreds of decades.
  const leastPlot = plot("least", 180, {
    lines: [hidden, hidden, { stroke: color("bn"), width: 2.5 }, { stroke: color("ink"), width: 1.5, dash: [7, 4] }],
    bands: [{ series: [1, 2], fill: color("bn", true) }],
    x: () => [0, draw.state().of.depth],
    y: { range: () => [Math.min(...draw.state().least.map((row) => decades(Math.min(...row)) - 0.3), -1), 0.3] },
    ticks: { values: (_, at) => at.map((k) => (Number.isInteger(k) ? label(10 ** k) : "")), incrs: [1, 2, 5, 10, 20, 50, 100], space: 26 },
    hover,
  });

  // ---------------------------------------------------------------- the eigenvalues, a film over the layers
  const POOLED = 5; // layers whose eigenvalues one histogram pools
  let shown = 0, film = 0; // the layer on show, and the animation that moves it
  const spectrumPlot = explorerSpectrumPlot(shared, sampler, "spectrum", 230, draw.state);

  /** Histogram of the layer on show and those just before it. */
  function drawSpectrum() {
    const { gaps, of, spectra } = draw.state();
    const zero = spectrumPlot(spectra.slice(Math.max(shown - POOLED + 1, 0), shown + 1).flat());
    find("at").max = Math.max(gaps.length, 1) - 1;
    find("at").value = shown;
    find("spectrum-layer").textContent = `layer ${shown}`;
    const { dimensions, kept, edges } = explorerLaw(sampler, of);
    find("law").textContent =
      `${Math.round(100 * zero)} % of the eigenvalues are at zero. ` +
      (kept < dimensions
        ? `The width is below the critical one, ${number(Math.round(sampler.criticalWidth(dimensions)))}: deep enough, ${kept} of ${dimensions} ` +
          `dimensions survive, and the dashed law is theirs.`
        : `The dashed law has c = ${digits(dimensions ** 2 / (4 * of.d))} and its edges at ${edges.map(digits).join(" and ")}.`);
  }

  function pause() {
    clearInterval(film);
    film = 0;
    find("play").textContent = "Play";
  }
  find("play").addEventListener("click", () => {
    if (film) return pause();
    const last = () => draw.state().gaps.length - 1;
    if (shown >= last()) shown = 0;
    drawSpectrum();
    find("play").textContent = "Pause";
    const step = Math.max(1, Math.round(draw.state().of.depth / 100)); // ten seconds at most
    film = setInterval(() => {
      shown = Math.min(shown + step, last());
      drawSpectrum();
      if (shown >= last() && draw.state().done) pause();
    }, 100);
  });
  find("at").addEventListener("input", () => {
    pause();
    shown = Number(find("at").value);
    drawSpectrum();
  });

  // ---------------------------------------------------------------- what has come back
  let count = 0; // layers drawn so far
  function drawn() {
    const state = draw.state(), x = Array.from({ length: state.of.depth + 1 }, (_, i) => i);
    const full = (values) => x.map((i) => values[i] ?? null), least = state.least.map((row) => row.map(decades));
    gapPlot();
    leastPlot.setData([
      x, full(least.map((row) => Math.max(...row))), full(least.map((row) => Math.min(...row))), full(least.map(mean)),
      full(state.theory.map((y) => decades(y.least))),
    ]);
    if (!film && count !== state.gaps.length) shown = Math.max(state.gaps.length - 1, 0); // follows the draw
    count = state.gaps.length;
    drawSpectrum();
    find("legend-bound").hidden = !state.bound.some((y) => y !== null);
    find("progress").value = state.share;
    find("progress").hidden = state.done;
    find("stop").disabled = state.done;
    find("layer").textContent = state.done ? "" : `layer ${Math.max(count - 1, 0)} of ${state.of.depth}${shared.timeLeft(state.began, state.share)}`;
  }

  function ended() {
    const { gaps, of } = draw.state();
    find("summary").textContent = gaps.length ? summary() : "Stopped before the first layer.";
    table();
    shared.share(fragment(of));
  }

  function begin() {
    pause();
    shown = count = 0;
    draw.soon(setting);
  }
  find("stop").addEventListener("click", draw.stop);

  // ---------------------------------------------------------------- legend values under the pointer, and the table
  function hover(at) {
    const state = draw.state();
    const values = at === null ? {} : {
      bn: state.gaps[at] && mean(state.gaps[at]), vanilla: state.plain[at] && mean(state.plain[at]),
      theory: state.theory[at]?.gap, floor: sampler.floor(state.of.n, state.of.d, state.of.centered), bound: state.bound[at],
    };
    for (const name of ["bn", "vanilla", "theory", "floor", "bound"]) {
      find(`value-${name}`).textContent = values[name] ? digits(values[name]) : "";
    }
    find("hovered").textContent = at === null ? "" : `(layer ${at})`;
    const least = at === null ? undefined : state.least[at];
    find("value-least").textContent = least
      ? `(layer ${at}: ${digits(10 ** mean(least.map(decades)))} with BN, ${digits(state.theory[at].least)} at infinite width)` : "";
  }

  function table() {
    const state = draw.state(), shown = find("numbers").open && state.done ? state.gaps : [];
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

  function change(values, except) {
    const { d } = setting;
    setting = { ...setting, ...values };
    setting.d = Math.max(setting.d, setting.n);
    say(...("d" in values || setting.d === d ? [] : [`The width is raised to ${setting.d}: it cannot be below the batch size.`]));
    show(except);
    shared.share(fragment(setting));
    begin();
  }

  shared.onKnobs(() => setting, (name, value, moved) => change({ [name]: value }, moved));
  find("share").addEventListener("input", () => {
    const share = SHARE.from * (SHARE.to / SHARE.from) ** (Number(find("share").value) / SHARE.steps);
    change({ d: Math.min(Math.max(Math.round(share * setting.n ** 2), setting.n), EXPLORER.knobs.d.to) }, find("share"));
  });
  find("start").addEventListener("change", (event) => change({ start: event.target.value }));
  find("centered").addEventListener("change", (event) => change({ centered: event.target.checked }));
  find("again").addEventListener("click", () => change({ seed: (setting.seed + 1) % 2 ** 31 }));
  shared.onAddress((address) => {
    setting = parse(address);
    say(...setting.remarks);
    show();
    shared.share(fragment(setting));
    begin();
  });

  say(...setting.remarks);
  show();
  begin();
})();
