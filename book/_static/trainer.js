// The trainer's page: knobs and arms to a setting, the setting to the address and to a worker, what comes back to three plots,
// a sentence and a table. The numbers come from trainer-network.js.
(function () {
  "use strict";
  const KNOBS = {
    depth: { label: "depth", from: 10, to: 40, start: 30, whole: true },
    rate: { label: "learning rate", from: 1e-4, to: 1, start: 0.01, log: true },
    steps: { label: "number of steps", from: 10, to: 1000, start: 150, whole: true, log: true },
    seed: { label: "seed", from: 0, to: 2 ** 31 - 1, start: 1, whole: true },
  };
  const ARMS = { // names, and dashes, so that nobody needs the colors
    xavier: ["Xavier", [12, 3, 3, 3]], identity: ["identity", [9, 4]], permutation: ["permutations", [2, 3]],
    slice: ["slice", [18, 4]], bn: ["Xavier with BN", []],
  };
  const names = Object.keys(ARMS), HELD_OUT = 64, SMOOTH = 10, CHANCE = Math.log(10);
  const shared = interactivePage("trainer", KNOBS, names);
  const { color, digits, fill, find, page, plot, say } = shared;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  // ---------------------------------------------------------------- the setting
  function parse(fragment) {
    const { numbers, chosen, remarks } = shared.parse(fragment);
    const arms = names.filter((arm) => chosen.includes(arm));
    return { ...numbers, arms: arms.length ? arms : ["xavier", "identity"], remarks };
  }
  const fragment = (s) =>
    `#depth${s.depth}-rate${String(s.rate).replace(".", "p")}-steps${s.steps}-seed${s.seed}-${s.arms.join("-")}`;

  let setting = parse(location.hash);

  // ---------------------------------------------------------------- plots
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  let state = blank();
  function blank() {
    return { of: setting, step: 0, goal: 0, losses: Object.fromEntries(setting.arms.map((arm) => [arm, []])), layers: null, start: null };
  }
  const line = (arm) => ({ stroke: color(arm), width: 2.5, dash: ARMS[arm][1] });
  const atStart = (arm) => ({ stroke: color(arm, true), width: 5 });
  const layers = () => [1, state.of.depth];
  const lossPlot = plot("loss", 300, {
    lines: [...names.map(line), { stroke: color("ink"), width: 1.5, dash: [2, 3] }],
    x: () => [0, state.of.steps], y: { range: [0, 3] }, hover: (at) => values("loss", at),
  });
  const [gapPlot, passingPlot] = ["gap", "passing"].map((part) => plot(part, 220, {
    lines: [...names.map(atStart), ...names.map(line)], x: layers, y: { range: [0, 1.05] }, hover: (at) => values(part, at),
  }));

  /** Loss of each step: the mean of the last ten, of what there is of them at first. */
  const smooth = (losses) => losses.map((_, i) => mean(losses.slice(Math.max(0, i + 1 - SMOOTH), i + 1)));

  function draw() {
    const steps = Array.from({ length: state.of.steps + 1 }, (_, i) => i), x = Array.from({ length: state.of.depth }, (_, i) => i + 1);
    const full = (at, found) => at.map((_, i) => (Number.isFinite(found?.[i]) ? found[i] : null));
    state.smooth = Object.fromEntries(state.of.arms.map((arm) => [arm, smooth(state.losses[arm])]));
    lossPlot.setData([steps, ...names.map((arm) => full(steps, [null, ...(state.smooth[arm] ?? [])])), steps.map(() => CHANCE)]);
    for (const [made, part] of [[gapPlot, "gap"], [passingPlot, "passing"]]) {
      made.setData([x, ...["start", "layers"].flatMap((when) => names.map((arm) => full(x, state[when]?.[arm]?.[part])))]);
    }
    controls();
  }

  /** Values under the pointer, beside each plot's title. */
  function values(part, at) {
    const layer = part !== "loss", found = (arm) => (layer ? state.layers?.[arm]?.[part][at] : state.smooth?.[arm]?.[at - 1]);
    const shown = at === null ? [] : state.of.arms.filter((arm) => Number.isFinite(found(arm)));
    find(`${part}-hovered`).textContent = shown.length
      ? `(${layer ? "layer" : "step"} ${layer ? at + 1 : at}: ${shown.map((arm) => `${ARMS[arm][0]} ${digits(found(arm))}`).join(", ")})` : "";
  }

  // ---------------------------------------------------------------- words and numbers
  /** Where an arm's loss is no longer a number, from which step on; else nothing. */
  const diverged = (arm) => state.losses[arm].findIndex((loss) => !Number.isFinite(loss)) + 1;
  const last = (found) => (found.at(-1) === null ? "–" : digits(found.at(-1)));
  /** The share that passes, over the hidden layers after the first, as on page 4. */
  const passing = (found) => found.passing.every(Number.isFinite) ? digits(mean(found.passing.slice(1))) : "–";

  function summary() {
    const { arms, depth, rate, steps } = state.of;
    const ends = arms.map((arm) =>
      diverged(arm) ? `${ARMS[arm][0]} diverged at step ${diverged(arm)}`
        : `${ARMS[arm][0]} ${digits(mean(state.losses[arm].slice(-SMOOTH)))}`);
    const gaps = arms.map((arm) => {
      const now = state.layers[arm].gap;
      return `${ARMS[arm][0]} from ${last(state.start[arm].gap)} to ${now.at(-1) === null ? "nothing left to measure" : last(now)}`;
    });
    return `Depth ${depth}, learning rate ${digits(rate)}, after ${state.step} of ${steps} steps. ` +
      (state.step ? `Loss: ${ends.join(", ")} (chance ${digits(CHANCE)}). ` : "") + `Gap after the last activation: ${gaps.join(", ")}.`;
  }

  function table() {
    const shown = find("numbers").open && state.start ? state.of.arms : [];
    fill(find("rows"), shown.map((arm) => {
      const losses = state.losses[arm], [start, now] = [state.start[arm], state.layers[arm]];
      return [
        ARMS[arm][0], losses.length ? digits(losses[0]) : "–",
        diverged(arm) ? "diverged" : losses.length ? digits(mean(losses.slice(-SMOOTH))) : "–",
        last(start.gap), last(now.gap), passing(start), passing(now),
      ];
    }));
  }
  find("numbers").addEventListener("toggle", table);

  // ---------------------------------------------------------------- the worker
  const source = `(${companionTraining})((${companionTrainer})((${companionSampler})()), (x) => self.postMessage(x))`;
  const spawn = shared.workers(`const receive = ${source}; self.onmessage = (event) => receive(event.data);`);
  const data = {
    images: TRAINER_DIGITS.slice(0, -HELD_OUT).map((one) => one.image), labels: TRAINER_DIGITS.slice(0, -HELD_OUT).map((one) => one.label),
    held: TRAINER_DIGITS.slice(-HELD_OUT).map((one) => one.image),
  };
  let worker = null, waiting = 0;

  /** A network of every arm, as it is before the first step; then training, if that is wanted. */
  function begin(go) {
    worker?.terminate();
    state = blank();
    const { arms, depth, rate, seed, steps } = state.of;
    worker = spawn();
    worker.onmessage = (event) => receive(event.data);
    worker.onerror = (error) => say(`The trainer stopped: ${error.message}.`);
    worker.postMessage({ arms, depth, rate, seed, ...data });
    train(go ? steps : 0);
    draw();
  }

  const training = () => state.goal > state.step;

  /** Train up to a step, or pause if that is behind. */
  function train(goal) {
    Object.assign(state, { goal, from: state.step, began: performance.now() });
    worker.postMessage({ goal });
  }

  function receive({ step, losses, layers }) {
    for (const [arm, found] of Object.entries(losses)) state.losses[arm].push(...found);
    Object.assign(state, { step, layers, start: state.start ?? layers });
    if (!training() || !still.matches) draw();
    else controls();
  }

  /** Buttons, progress and, when nothing moves, the sentence and the table. */
  function controls() {
    const { step, from, goal, began, of } = state, ended = step >= of.steps, share = (step - from) / (goal - from);
    find("play").textContent = training() ? "Pause" : ended ? "Start over" : "Play";
    find("step").disabled = training() || ended || !state.start;
    find("progress").value = step / of.steps;
    find("progress").setAttribute("aria-valuetext", `step ${step} of ${of.steps}`);
    find("at").textContent = state.start ? `step ${step} of ${of.steps}${training() ? shared.timeLeft(began, share) : ""}` : "weights are being set";
    page.setAttribute("aria-busy", String(training() || !state.start || waiting > 0));
    if (training() || !state.start) return;
    find("summary").textContent = summary();
    table();
  }

  find("play").addEventListener("click", () => {
    if (state.step >= state.of.steps) return begin(true);
    train(training() ? 0 : state.of.steps);
    draw();
  });
  find("step").addEventListener("click", () => train(state.step + 1));

  // ---------------------------------------------------------------- knobs
  function show(moved) {
    shared.showKnobs(setting, moved);
    for (const arm of names) find(arm).checked = setting.arms.includes(arm);
    for (const link of page.querySelectorAll("[data-part=presets] a")) {
      if (link.hash === fragment({ ...setting, seed: 1 })) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** Begin anew once a slider rests. With reduced motion nothing starts by itself. */
  function follow(moved) {
    show(moved);
    shared.share(fragment(setting));
    page.setAttribute("aria-busy", "true");
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = 0;
      begin(!still.matches);
    }, 250);
  }

  shared.onKnobs(() => setting, (name, value, moved) => {
    setting = { ...setting, [name]: value };
    say();
    follow(moved);
  });
  for (const arm of names) {
    find(arm).addEventListener("change", () => {
      const arms = names.filter((one) => find(one).checked);
      say(...(arms.length ? [] : [`Nothing would be left to train: ${ARMS[arm][0]} stays.`]));
      if (!arms.length) return show();
      setting = { ...setting, arms };
      follow();
    });
  }
  shared.onAddress((address) => {
    setting = parse(address);
    say(...setting.remarks);
    follow();
  });

  say(...setting.remarks);
  show();
  shared.share(fragment(setting));
  begin(!still.matches);
})();
