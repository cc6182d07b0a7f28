// The trainer's page: knobs and arms to a setting, the setting to the address and to a run (trainer-run.js), what comes of it to
// three plots, a sentence and a table.
(function () {
  "use strict";
  const { arms: ARMS, diverged, fragment, mean } = TRAINER, names = Object.keys(ARMS);
  const shared = interactivePage(document.getElementById("trainer"), TRAINER.knobs, names);
  const { color, digits, fill, find, page, plot, say } = shared;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  // ---------------------------------------------------------------- the setting
  function parse(fragment) {
    const { numbers, chosen, remarks } = shared.parse(fragment);
    const arms = names.filter((arm) => chosen.includes(arm));
    return { ...numbers, arms: arms.length ? arms : ["xavier", "identity"], remarks };
  }

  let setting = parse(location.hash);

  // ---------------------------------------------------------------- plots
  const run = trainerRun(shared, setting, {
    changed: () => (!run.training() || !still.matches ? draw() : controls()),
    failed: (error) => say(`The trainer stopped: ${error.message}.`),
  });
  const line = (arm) => ({ stroke: color(arm), width: 2.5, dash: ARMS[arm][1] });
  const atStart = (arm) => ({ stroke: color(arm, true), width: 5 });
  const layers = () => [1, run.state().of.depth];
  const lossPlot = trainerLossPlot(shared, "loss", 300, run.state, (at) => values("loss", at));
  const [gapPlot, passingPlot] = ["gap", "passing"].map((part) => plot(part, 220, {
    lines: [...names.map(atStart), ...names.map(line)], x: layers, y: { range: [0, 1.05] }, hover: (at) => values(part, at),
  }));

  function draw() {
    const state = run.state(), x = Array.from({ length: state.of.depth }, (_, i) => i + 1);
    const full = (found) => x.map((_, i) => (Number.isFinite(found?.[i]) ? found[i] : null));
    lossPlot();
    for (const [made, part] of [[gapPlot, "gap"], [passingPlot, "passing"]]) {
      made.setData([x, ...["start", "layers"].flatMap((when) => names.map((arm) => full(state[when]?.[arm]?.[part])))]);
    }
    controls();
  }

  /** Values under the pointer, beside each plot's title. */
  function values(part, at) {
    const state = run.state(), layer = part !== "loss";
    const found = (arm) => (layer ? state.layers?.[arm]?.[part][at] : TRAINER.smooth(state.losses[arm])[at - 1]);
    const shown = at === null ? [] : state.of.arms.filter((arm) => Number.isFinite(found(arm)));
    find(`${part}-hovered`).textContent = shown.length
      ? `(${layer ? "layer" : "step"} ${layer ? at + 1 : at}: ${shown.map((arm) => `${ARMS[arm][0]} ${digits(found(arm))}`).join(", ")})` : "";
  }

  // ---------------------------------------------------------------- words and numbers
  const last = (found) => (found.at(-1) === null ? "–" : digits(found.at(-1)));
  /** The share that passes, over the hidden layers after the first, as on page 4. */
  const passing = (found) => found.passing.every(Number.isFinite) ? digits(mean(found.passing.slice(1))) : "–";

  function table() {
    const state = run.state(), shown = find("numbers").open && state.start ? state.of.arms : [];
    fill(find("rows"), shown.map((arm) => {
      const losses = state.losses[arm], [start, now] = [state.start[arm], state.layers[arm]];
      return [
        ARMS[arm][0], losses.length ? digits(losses[0]) : "–",
        diverged(losses) ? "diverged" : losses.length ? digits(mean(losses.slice(-10))) : "–",
        last(start.gap), last(now.gap), passing(start), passing(now),
      ];
    }));
  }
  find("numbers").addEventListener("toggle", table);

  // ---------------------------------------------------------------- the run
  let waiting = 0;

  /** Buttons, progress and, when nothing moves, the sentence and the table. */
  function controls() {
    const state = run.state(), { step, from, goal, began, of } = state;
    const training = run.training(), ended = step >= of.steps, share = (step - from) / (goal - from);
    find("play").textContent = training ? "Pause" : ended ? "Start over" : "Play";
    find("step").disabled = training || ended || !state.start;
    find("progress").value = step / of.steps;
    find("progress").setAttribute("aria-valuetext", `step ${step} of ${of.steps}`);
    find("at").textContent = state.start ? `step ${step} of ${of.steps}${training ? shared.timeLeft(began, share) : ""}` : "weights are being set";
    page.setAttribute("aria-busy", String(training || !state.start || waiting > 0));
    if (training || !state.start) return;
    find("summary").textContent = trainerSummary(shared, state);
    table();
  }

  find("play").addEventListener("click", () => {
    const { of, step } = run.state();
    if (step >= of.steps) return run.begin(setting, true);
    run.train(run.training() ? 0 : of.steps);
    draw();
  });
  find("step").addEventListener("click", () => run.train(run.state().step + 1));

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
      run.begin(setting, !still.matches);
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
  run.begin(setting, !still.matches);
})();
