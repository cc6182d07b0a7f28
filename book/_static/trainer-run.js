// What the trainer trains, on its own page and on page 4: settings, the worker that trains them, what has come back so far in a
// plot and words. The numbers come from trainer-network.js.
const TRAINER = {
  knobs: {
    depth: { label: "depth", from: 10, to: 40, start: 30, whole: true },
    rate: { label: "learning rate", from: 1e-4, to: 1, start: 0.01, log: true },
    steps: { label: "number of steps", from: 10, to: 1000, start: 150, whole: true, log: true },
    seed: { label: "seed", from: 0, to: 2 ** 31 - 1, start: 1, whole: true },
  },
  arms: { // names, and dashes, so that nobody needs the colors
    xavier: ["Xavier", [12, 3, 3, 3]], identity: ["identity", [9, 4]], permutation: ["permutations", [2, 3]],
    slice: ["slice", [18, 4]], bn: ["Xavier with BN", []],
  },
  chance: Math.log(10),
  /** The setting in an address of the trainer's page. */
  fragment: (s) => `#depth${s.depth}-rate${String(s.rate).replace(".", "p")}-steps${s.steps}-seed${s.seed}-${s.arms.join("-")}`,
  mean: (values) => values.reduce((a, b) => a + b, 0) / values.length,
  /** Loss of each step: the mean of the last ten, of what there is of them at first. */
  smooth: (losses) => losses.map((_, i) => TRAINER.mean(losses.slice(Math.max(0, i - 9), i + 1))),
  /** From which step on a loss is no longer a number; 0 if it always is one. */
  diverged: (losses) => losses.findIndex((loss) => !Number.isFinite(loss)) + 1,
};

/**
 * Trains settings, each from its beginning; a new one ends the one before.
 * @param {object} first a setting: depth, rate, steps, seed and arms.
 * @param {object} on what to call: `changed` when there is more to show; `failed` with an error.
 * Returns {begin, state, train, training}; `state()` is the present run: `of` which setting, its `step`, `losses` by arm, and what was
 * measured of the layers at the `start` and now.
 */
function trainerRun(shared, first, on) {
  "use strict";
  const HELD_OUT = 64;
  const blank = (of) => ({ of, step: 0, goal: 0, losses: Object.fromEntries(of.arms.map((arm) => [arm, []])), layers: null, start: null });
  let state = blank(first), worker = null;

  const source = `(${companionTraining})((${companionTrainer})((${companionSampler})()), (x) => self.postMessage(x))`;
  const spawn = shared.workers(`const receive = ${source}; self.onmessage = (event) => receive(event.data);`);
  const [learned, held] = [TRAINER_DIGITS.slice(0, -HELD_OUT), TRAINER_DIGITS.slice(-HELD_OUT)];
  const data = { images: learned.map((one) => one.image), labels: learned.map((one) => one.label), held: held.map((one) => one.image) };

  /** A network of every arm, as it is before the first step; then training, if that is wanted. */
  function begin(setting, go) {
    worker?.terminate();
    state = blank(setting);
    const { arms, depth, rate, seed, steps } = setting;
    worker = spawn();
    worker.onmessage = (event) => receive(event.data);
    worker.onerror = on.failed;
    worker.postMessage({ arms, depth, rate, seed, ...data });
    train(go ? steps : 0);
    on.changed();
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
    on.changed();
  }
  return { begin, state: () => state, train, training };
}

/** Plot of the losses against the step in one of the page's parts, with what `hover` does; returns what draws the state. */
function trainerLossPlot(shared, part, height, state, hover) {
  "use strict";
  const names = Object.keys(TRAINER.arms), { color } = shared;
  const made = shared.plot(part, height, {
    lines: [
      ...names.map((arm) => ({ stroke: color(arm), width: 2.5, dash: TRAINER.arms[arm][1] })),
      { stroke: color("ink"), width: 1.5, dash: [2, 3] },
    ],
    x: () => [0, state().of.steps], y: { range: [0, 3] }, hover,
  });
  return () => {
    const { losses, of } = state(), steps = Array.from({ length: of.steps + 1 }, (_, i) => i);
    const drawn = (arm) => [null, ...TRAINER.smooth(losses[arm] ?? [])].map((loss) => (Number.isFinite(loss) ? loss : null));
    made.setData([
      steps, ...names.map(drawn).map((found) => steps.map((i) => found[i] ?? null)), steps.map(() => TRAINER.chance),
    ]);
  };
}

/** A run in words. */
function trainerSummary(shared, { layers, losses, of, start, step }) {
  const { digits } = shared, { arms, chance, diverged, mean } = TRAINER;
  const ends = of.arms.map((arm) =>
    diverged(losses[arm]) ? `${arms[arm][0]} diverged at step ${diverged(losses[arm])}`
      : `${arms[arm][0]} ${digits(mean(losses[arm].slice(-10)))}`);
  const shown = (gap) => (gap === null ? "–" : digits(gap));
  const gaps = of.arms.map((arm) => {
    const before = start[arm].gap.at(-1), now = layers[arm].gap.at(-1);
    return `${arms[arm][0]} ` + (step ? `from ${shown(before)} to ${now === null ? "nothing left to measure" : shown(now)}` : shown(before));
  });
  return `Depth ${of.depth}, learning rate ${digits(of.rate)}, after ${step} of ${of.steps} steps. ` +
    (step ? `Loss: ${ends.join(", ")} (chance ${digits(chance)}). ` : "") + `Gap after the last activation: ${gaps.join(", ")}.`;
}
