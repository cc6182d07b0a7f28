// What the worker does: one step of every arm after the other, on the same images, until the step that the page asks for.
// A new setting does not reach this code: the page ends the worker and starts another.
function companionTraining(trainer, post) {
  "use strict";
  const SIZE = 32, WATCHED = 5; // images in a step; steps between two looks at the layers

  let networks, step = 0, goal = 0, going = false, setting;

  /** Gap and passing by layer, of each arm that has not diverged. */
  const look = () => Object.fromEntries(
    Object.entries(networks).map(([arm, network]) => [arm, trainer.measured(network, setting.heldOut, setting.probe)]),
  );

  /** Up to the next look, or the goal if that is nearer. */
  function advance() {
    const losses = Object.fromEntries(setting.arms.map((arm) => [arm, []]));
    for (let last = Math.min(goal, step + WATCHED - (step % WATCHED)); step < last; step++) {
      const chosen = trainer.batch(step, { images: setting.images.length, size: SIZE, seed: setting.seed });
      const x = trainer.columns(chosen.map((i) => setting.images[i])), labels = chosen.map((i) => setting.labels[i]);
      for (const arm of setting.arms) losses[arm].push(trainer.step(networks[arm], x, labels, setting.rate));
    }
    going = step < goal;
    post({ step, losses, layers: look() });
    if (going) setTimeout(advance);
  }

  /**
   * @param {object} message
   *   Once {arms, depth, rate, seed, images, labels, held}: the setting, with `held` images to look at; then {goal}: train up to
   *   this step, or stop soon if it is behind.
   * Posts {step, losses, layers}: losses by arm since the last post, and what was measured on the images held out.
   */
  return function receive(message) {
    if (message.goal !== undefined) {
      goal = message.goal;
      if (!going && goal > step) {
        going = true;
        setTimeout(advance);
      }
      return;
    }
    setting = { ...message, heldOut: trainer.columns(message.held), probe: message.held.length };
    networks = Object.fromEntries(setting.arms.map((arm) => [arm, trainer.initialized(arm, setting)]));
    post({ step, losses: {}, layers: look() });
  };
}
