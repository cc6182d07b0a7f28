// The small explorers inside pages, by name: each a function of its place in the page. What draws, and every formula, is the
// explorer's; here are the knobs, the sentence and the link to the same setting there.
const SMALL_EXPLORERS = (() => {
  "use strict";
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const sample = ([color, dash, text, part = text]) =>
    `<li data-part="${part}"><svg aria-hidden="true"><line x1="0" x2="30" y1="4" y2="4" stroke="var(--explorer-${color})" stroke-width="2.5" stroke-dasharray="${dash}"/></svg>${text}</li>`;

  /**
   * Knobs, a picture, a sentence and a link, after the sentence of the page, which is then for paper alone.
   * @param {object} knobs as interactivePage takes them, with `name`, what a reader sees, and perhaps `unit`.
   * @param {Array} legend [color, dashes, text, perhaps a part's name] of each line; {string} extra: more knobs; {string} more: what the link says.
   * Returns interactivePage's parts, with `leadTo(fragment)`: where the link leads.
   */
  function furnish(place, { title, picture, knobs, legend, extra = "", more }) {
    const page = document.createElement("section"), id = `explore-${place.dataset.explore}`;
    Object.assign(page, { id, className: "interactive" });
    page.setAttribute("aria-labelledby", `${id}-title`);
    page.setAttribute("aria-busy", "true");
    const boxes = Object.entries(knobs).map(([part, { name, unit = "" }]) => `
      <div class="explorer-knob">
        <label for="${id}-${part}">${name} <span class="explore-unit">${unit}</span></label>
        <input id="${id}-${part}" data-part="${part}" type="number" inputmode="decimal">
        <input data-part="${part}-slider" type="range" aria-label="${name.replace(/<[^>]*>/g, "")}, slider">
      </div>`);
    page.innerHTML = `
      <p class="explorer-title" id="${id}-title">${title}</p>
      <fieldset class="explorer-knobs"><legend class="visually-hidden">Knobs</legend>${boxes.join("")}${extra}</fieldset>
      <p class="explorer-said" id="${id}-said" data-part="said" role="alert"></p>
      <ul class="explorer-legend">${legend.map(sample).join("")}</ul>
      <div class="explorer-plot" data-part="picture" data-label="${picture}; the sentence below says what it shows"></div>
      <p class="explorer-summary" data-part="summary" role="status"></p>
      <p class="explore-more"><a data-part="more">${more}</a></p>`;
    const link = place.querySelector('a[href*="/book/"]').href;
    place.append(page);
    place.classList.replace("awaited", "live");
    const shared = interactivePage(page, knobs, []);
    return { ...shared, leadTo: (fragment) => (shared.find("more").href = link + fragment) };
  }

  const N = { ...EXPLORER.knobs.n, name: "Batch size <i>n</i>", unit: "samples" };
  const BN = ["bn", "", "with BN"], INK = (dash, text) => ["ink", dash, text];

  /** What the two that draw networks have in common: a draw for every setting that the knobs give. */
  function drawing(shared, sampler, first, { setting, drawn, words }) {
    const draw = explorerDraw(shared, sampler, setting(first), {
      drawn: () => (draw.state().done || !still.matches) && drawn(draw.state()),
      ended: () => (shared.find("summary").textContent = words(draw.state())),
      failed: (error) => shared.say(`The sampler stopped: ${error.message}.`),
    });
    let knobs = first;
    function show(moved) {
      shared.showKnobs(knobs, moved);
      shared.leadTo(EXPLORER.fragment(setting(knobs)));
      draw.soon(setting(knobs));
    }
    shared.onKnobs(() => knobs, (name, value, moved) => {
      const { n, ...other } = { ...knobs, [name]: value }, [[second, asked]] = Object.entries(other);
      const least = shared.least(second, { n });
      knobs = { n, [second]: Math.max(asked, least) };
      shared.say(...(asked < least ? [`The width is raised: ${n} samples need more.`] : []));
      show(moved);
    });
    return { draw, show };
  }

  /** Page 1: the gap, layer by layer, of real images. */
  function gap(place) {
    const sampler = companionSampler(), { d } = EXPLORER.knobs;
    const knobs = { n: { ...N, start: 4 }, d: { ...d, to: 1e5, name: "Width <i>d</i>", unit: "features" } };
    const shared = furnish(place, {
      title: "Turn it yourself: the gap <i>V</i> of real images against the layer", picture: "Orthogonality gap against the layer",
      knobs, more: "More knobs, and what else happens to this batch: the explorer",
      legend: [
        BN, ["vanilla", "", "without"], INK("7 4", "infinite width"), INK("2 3", "floor of the width"), ["bound", "12 3 3 3", "Theorem 1", "bound"],
      ],
    });
    const { draw, show } = drawing(shared, sampler, { n: 4, d: 1000 }, {
      setting: ({ n, d }) => ({
        n, d, depth: 30, runs: Math.min(10, Math.max(1, Math.floor(5e5 / (n * d)))), seed: 1, start: "digits", centered: false,
      }),
      drawn({ bound }) {
        plot();
        shared.find("bound").hidden = !bound.some((x) => x !== null);
      },
      words: (state) =>
        `${explorerFall(shared, sampler, state)} Once the gap is small, an infinitely wide layer leaves ` +
        `n/(n + 2) = ${shared.digits(sampler.localRate(state.of.n))} of it.`,
    });
    const plot = explorerGapPlot(shared, sampler, "picture", 260, draw.state);
    show();
  }

  /** Page 2: where the spectrum settles, by d/n². */
  function spectrum(place) {
    const sampler = companionSampler(), LEAST = 7; // a narrower network keeps fewer than four dimensions
    const share = {
      label: "width over n²", from: ({ n }) => Math.max(n, LEAST) / n ** 2, low: 1 / 32, to: 8, start: 1, log: true,
      name: "Width, <i>d</i>/<i>n</i>²", unit: "",
    };
    const shared = furnish(place, {
      title: "Turn it yourself: eigenvalues of <i>nC</i> deep in the network", picture: "Histogram of the eigenvalues and the law of Marchenko and Pastur",
      knobs: { n: { ...N, from: 4, start: 16 }, share }, more: "See it layer by layer: the explorer",
      legend: [["bn", "", "the networks"], INK("7 4", "Marchenko and Pastur")],
    });
    const { draw, show } = drawing(shared, sampler, { n: 16, share: 1 }, {
      setting({ n, share }) {
        const d = Math.max(Math.round(share * n * n), n), depth = (share < 0.5 ? 8 : 4) * n; // rank is lost slowly
        const cost = depth * (n ** 2 * d + 300 * n ** 3); // rows, and eigenvalues
        return { n, d, depth, runs: Math.min(20, Math.max(2, Math.floor(2.5e9 / cost))), seed: 1, start: "orthogonal", centered: false };
      },
      drawn: ({ spectra }) => plot(spectra.slice(-2 * Math.ceil(spectra.length / 6)).flat()),
      words,
    });
    function words({ of, gaps }) {
      const { digits, number } = shared, { kept, edges } = explorerLaw(sampler, of), critical = sampler.criticalWidth(of.n);
      const setting = `${of.n} samples, width ${number(of.d)}: c = n²/(4d) = ${digits(of.n ** 2 / (4 * of.d))}.`;
      const measured = digits(EXPLORER.rms(gaps.slice(-of.n).flat()));
      return kept < of.n
        ? `${setting} The width is below the critical one, about ${digits(critical)}, so the batch loses rank: deep enough, ${kept} of ` +
          `${of.n} dimensions survive. The gap does not show it: it settles at ${measured}.`
        : `${setting} The width is ${digits(of.d / critical)} times the critical one, about ${digits(critical)}: rank is kept. The law is between ` +
          `${edges.map(digits).join(" and ")}. The gap settles at ${measured}, where its floor is ${digits(sampler.floor(of.n, of.d))}.`;
    }
    const plot = explorerSpectrumPlot(shared, sampler, "picture", 230, draw.state);
    show();
  }

  // ---------------------------------------------------------------- page 8
  /** How many layers back a gradient overflows. */
  function overflow(place) {
    const sampler = companionSampler();
    const options = sampler.formats.map((one) => `<option${one === "float32" ? " selected" : ""}>${one}</option>`);
    const shared = furnish(place, {
      title: "Turn it yourself: size of a gradient's entry, by layers back from the output", picture: "Size of a gradient's entry against layers back",
      knobs: { n: { ...N, from: 4 } }, more: "The same batch on its way forward: the explorer",
      extra: `<div class="explorer-knob"><label for="explore-format">Precision</label><select id="explore-format" data-part="format">${options.join("")}</select></div>`,
      legend: [BN, ["relu", "12 3 3 3", "BN and ReLU, large batch"], INK("2 3", "largest number of the format")],
    });
    const { color, find, number, plot, power } = shared;
    let knobs = { n: 8 }, top = 1, far = 1; // the axes
    const made = plot("picture", 260, {
      lines: [{ stroke: color("bn"), width: 2.5 }, { stroke: color("relu"), width: 2.5, dash: [12, 3, 3, 3] }, { stroke: color("ink"), width: 1.5, dash: [2, 3] }],
      x: () => [0, far], y: { range: () => [0, top * 1.1] },
      ticks: { values: (_, at) => at.map((k) => (k ? power(k) : "1")), incrs: [1, 2, 5, 10, 20, 50, 100] },
      cursor: { show: false },
    });
    function show(moved) {
      const { n } = knobs, format = find("format").value, limit = sampler.largestNumber(format);
      const growths = [sampler.gradientGrowth(n), sampler.reluGradientGrowth()];
      const depths = [...growths, sampler.gradientGrowth(n, true)].map((growth) => sampler.overflowDepth(growth, limit));
      top = Math.log10(limit);
      far = sampler.overflowDepth(sampler.gradientGrowth(12), limit); // so that the steepness is what changes
      const x = [0, ...depths.slice(0, 2), far].filter((at) => at <= far).sort((a, b) => a - b);
      made.setData([x, ...depths.slice(0, 2).map((depth) => x.map((at) => (at <= depth ? (at / depth) * top : null))), x.map(() => top)]);
      const layers = depths.map((depth) => number(Math.round(depth)));
      find("summary").textContent =
        `With ${n} samples in a wide linear network with BN, the gradient's energy grows by ${growths[0].toFixed(3)} per layer: its entries ` +
        `overflow ${format} after about ${layers[0]} layers, with the centered BN of BatchNorm1d after ${layers[2]}. With ReLU ` +
        `and a large batch it grows by ${growths[1].toFixed(3)}, and no larger batch changes that: ${format} lasts ${layers[1]} layers.`;
      shared.showKnobs(knobs, moved);
      shared.leadTo(EXPLORER.fragment({
        n, d: 4 * n * n, depth: Math.min(Math.round(depths[0]), EXPLORER.knobs.depth.to), runs: 5, start: "digits", seed: 1,
      }));
      shared.page.setAttribute("aria-busy", "false");
    }
    shared.onKnobs(() => knobs, (name, value, moved) => {
      knobs = { n: value };
      shared.say();
      show(moved);
    });
    find("format").addEventListener("change", () => show());
    show();
  }

  // ---------------------------------------------------------------- page 4
  /** Two networks that learn once they are asked to: Xavier's weights and the identity. */
  function training(place) {
    const { depth, rate } = TRAINER.knobs, first = { depth: 30, rate: 0.01, steps: 150, seed: 1, arms: ["xavier", "identity"] };
    const shared = furnish(place, {
      title: "Train two yourself: loss, mean of the last ten steps", picture: "Loss of both networks against the step",
      knobs: { depth: { ...depth, name: "Depth", unit: "layers" }, rate: { ...rate, name: "Learning rate" } },
      more: "Other weights, and the gap layer by layer: the trainer",
      extra: `<div class="explorer-run"><button type="button" data-part="play">Train</button><span data-part="at"></span></div>`,
      legend: [
        ...first.arms.map((arm) => [arm, TRAINER.arms[arm][1].join(" "), `${TRAINER.arms[arm][0]} weights`]), INK("2 3", "chance"),
      ],
    });
    let knobs = first, waiting = 0;
    const run = trainerRun(shared, first, { changed, failed: (error) => shared.say(`The trainer stopped: ${error.message}.`) });
    const plot = trainerLossPlot(shared, "picture", 260, run.state);
    function changed() {
      const state = run.state(), { from, goal, of, start, step } = state, going = run.training();
      if (!going || !still.matches) plot();
      shared.find("play").textContent = going ? "Pause" : step < of.steps ? "Train" : "Train again";
      shared.find("at").textContent = `step ${step} of ${of.steps}${going ? shared.timeLeft(state.began, (step - from) / (goal - from)) : ""}`;
      shared.page.setAttribute("aria-busy", String(going || !start || waiting > 0));
      if (!going && start) shared.find("summary").textContent = trainerSummary(shared, state);
    }
    shared.find("play").addEventListener("click", () => {
      const { of, step } = run.state();
      if (step >= of.steps) return run.begin(knobs, true);
      run.train(run.training() ? 0 : of.steps);
      changed();
    });
    function show(moved) {
      shared.showKnobs(knobs, moved);
      shared.leadTo(TRAINER.fragment(knobs));
      shared.page.setAttribute("aria-busy", "true");
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        waiting = 0;
        run.begin(knobs, run.state().step > 0 && !still.matches);
      }, 250); // once a slider rests
    }
    shared.onKnobs(() => knobs, (name, value, moved) => {
      knobs = { ...knobs, [name]: value };
      shared.say();
      show(moved);
    });
    show();
  }

  return { gap, spectrum, overflow, training };
})();
