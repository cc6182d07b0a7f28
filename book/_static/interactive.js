// What the pages that compute have in common: knobs with ranges, an address that holds the setting, plots, workers, words.
/**
 * @param {Element} page the section that computes, with an id; its parts have names in data-part.
 * @param {object} knobs by name: label; from, to, start; whole: boolean; log: boolean, a slider of equal factors. What depends on
 *   knobs before it has a function of the setting as `from`, and as `low` where its slider begins. A knob may have a box
 *   (data-part=NAME), a slider (NAME-slider), or only a place in the address.
 * @param {string[]} words that an address may have besides, each a choice.
 */
function interactivePage(page, knobs, words) {
  "use strict";
  const find = (name) => page.querySelector(`[data-part="${name}"]`);

  // ---------------------------------------------------------------- words
  const number = (x) => x.toLocaleString("en", { maximumFractionDigits: 6 });
  const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const power = (k) => "10" + [...String(k)].map((c) => SUPERSCRIPT[c]).join("");
  /** Three digits, and a power of ten where zeros would be many. */
  function digits(x) {
    if (x === 0) return "0";
    if (x >= 1e-3 && x < 1e4) return String(Number(x.toPrecision(3)));
    const k = Math.floor(Math.log10(x));
    return `${(x / 10 ** k).toFixed(1)}·${power(k)}`;
  }
  /** What is left of something that began then and is done to this share; nothing in its first second. */
  function timeLeft(began, share) {
    const gone = (performance.now() - began) / 1000, left = (gone * (1 - share)) / share;
    if (gone < 1 || !(share > 0)) return "";
    if (left < 90) return `, about ${Math.ceil(left)} s left`;
    return left < 5400 ? `, about ${Math.round(left / 60)} minutes left` : `, about ${number(Math.round(left / 3600))} hours left`;
  }

  // ---------------------------------------------------------------- the setting
  const least = ({ from }, setting) => (typeof from === "function" ? from(setting) : from);
  /** Why a knob cannot have this value, or nothing. */
  function refused(name, value, setting) {
    const knob = knobs[name], from = least(knob, setting);
    if (value >= from && value <= knob.to && !(knob.whole && value % 1)) return "";
    return `expected a ${knob.whole ? "whole " : ""}number from ${number(from)} to ${number(knob.to)}`;
  }

  /** Whether an address's fragment begins with a knob, and is not the anchor of a heading. */
  const isSetting = (fragment) => Object.hasOwn(knobs, fragment.match(/^#([a-z]+)\d/)?.[1] ?? "");

  /**
   * Setting from an address's fragment such as #n8-d1000-rate0p01-digits (plain words, since the theme reads fragments as
   * selectors; p is the decimal point): {numbers, chosen, remarks}. What is missing gets its default, what is out of range
   * the nearest, and the remarks say so.
   */
  function parse(fragment) {
    const given = {}, chosen = [], lost = [], remarks = [], numbers = {};
    for (const word of isSetting(fragment) ? fragment.slice(1).split("-").filter(Boolean) : []) {
      const [, name, value] = word.match(/^([a-z]+)(\d+(?:p\d+)?)$/) ?? [];
      if (Object.hasOwn(knobs, name ?? "")) given[name] = Number(value.replace("p", "."));
      else if (words.includes(word)) chosen.push(word);
      else lost.push(word);
    }
    if (lost.length) remarks.push(`The address has parts that are no setting here, and were left out: ${lost.join(", ")}.`);
    for (const [name, knob] of Object.entries(knobs)) {
      const from = least(knob, numbers);
      const wanted = given[name] ?? Math.max(knob.start, from), why = refused(name, wanted, numbers);
      numbers[name] = Math.min(Math.max(knob.whole ? Math.round(wanted) : wanted, from), knob.to);
      if (why) remarks.push(`The address asks for ${knob.label} ${number(wanted)}, ${why}; it is ${number(numbers[name])} here.`);
    }
    return { numbers, chosen, remarks };
  }

  let sharing = 0, known = location.hash;
  /** The setting in the address, without a new entry in the history. */
  function share(wanted) {
    clearTimeout(sharing);
    sharing = setTimeout(() => {
      if (location.hash !== known) return; // a link was followed, and its event is on the way
      known = wanted;
      history.replaceState(null, "", known);
    }, 200);
  }
  /** Call when another setting is in the address: a link was followed, or the reader went back. */
  function onAddress(follow) {
    window.addEventListener("hashchange", () => {
      known = location.hash;
      if (known === "" || isSetting(known)) follow(known);
    });
  }

  // ---------------------------------------------------------------- knobs
  const STEPS = 200; // of a logarithmic slider
  const toSlider = (x, { log, from, to }) => (log ? Math.round((STEPS * Math.log(x / from)) / Math.log(to / from)) : x);
  function fromSlider(at, { log, whole, from, to }) {
    if (!log) return at;
    const x = from * (to / from) ** (at / STEPS);
    return Number(x.toPrecision(whole && x < 1000 ? 3 : 2)); // round numbers
  }
  const slidingRange = (knob) => ({ ...knob, from: knob.low ?? knob.from });

  /** Say what is not as the reader asked; nothing takes back what was said. */
  function say(...sentences) {
    find("said").textContent = sentences.join(" ");
  }

  /** Show numbers on boxes and sliders, but for the one that is being moved. */
  function showKnobs(setting, except = null) {
    for (const [name, knob] of Object.entries(knobs)) {
      const box = find(name), slider = find(`${name}-slider`);
      if (box) {
        Object.assign(box, { min: least(knob, setting), max: knob.to, step: knob.whole ? 1 : "any" });
        box.removeAttribute("aria-invalid");
        if (box !== except) box.value = setting[name];
      }
      if (!slider) continue;
      const range = slidingRange(knob);
      Object.assign(slider, knob.log ? { min: 0, max: STEPS } : { min: range.from, max: range.to });
      if (slider !== except) slider.value = toSlider(setting[name], range);
      slider.setAttribute("aria-valuetext", number(setting[name]));
    }
  }

  /** Call with a knob's name, its value and what moved it; a value typed that is out of range is said and changes nothing. */
  function onKnobs(setting, change) {
    for (const [name, knob] of Object.entries(knobs)) {
      const box = find(name), slider = find(`${name}-slider`);
      slider?.addEventListener("input", () => {
        const value = Number(fromSlider(Number(slider.value), slidingRange(knob)));
        change(name, Math.max(value, least(knob, setting())), slider);
      });
      box?.setAttribute("aria-describedby", `${page.id}-said`);
      box?.addEventListener("change", () => {
        const why = refused(name, box.value === "" ? NaN : Number(box.value), setting());
        if (!why) return change(name, Number(box.value), null);
        box.setAttribute("aria-invalid", "true");
        say(`${knob.label} ${box.value === "" ? "(no number)" : box.value}: ${why}. Nothing has changed: it is still ${number(setting()[name])}.`);
      });
    }
  }

  // ---------------------------------------------------------------- plots
  // Colors of utils/plotting/looks.py, in the style sheet; theory is in the page's text color, so that it is seen in dark mode too.
  const color = (name, faint = false) => () => {
    const style = getComputedStyle(page), value = (of) => style.getPropertyValue(`--explorer-${of}`).trim();
    return value(name) + (faint ? value("band") : "");
  };
  /** A number on an axis, to one digit. */
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
  const logarithmic = { splits, values: labels, filter: (_, at) => at };

  const plots = [];
  /** A plot with uPlot; lines and bands as uPlot's series and bands, x and y its scales. */
  function plot(part, height, { lines, bands = [], x, y, incrs, ticks = {}, cursor, hover }) {
    const parent = find(part);
    const axis = (extra) => ({
      stroke: color("ink"), grid: { stroke: color("grid"), width: 1 }, ticks: { show: false },
      font: "13px system-ui, sans-serif", ...extra,
    });
    const made = new uPlot({
      width: parent.clientWidth, height, legend: { show: false },
      cursor: cursor ?? { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: false, range: x }, y },
      axes: [axis({ size: 28, incrs: incrs ?? [1, 2, 5, 10, 20, 50, 100, 200, 500] }), axis({ size: 54, ...ticks })],
      series: [{}, ...lines.map((line) => ({ points: { show: false }, spanGaps: false, ...line }))],
      bands,
      hooks: hover ? { setCursor: [(u) => hover(u.cursor.idx ?? null)] } : {},
      padding: [8, 12, 0, 0],
    }, [[0], ...lines.map(() => [null])], parent);
    const canvas = made.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", parent.dataset.label);
    plots.push(made);
    new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height })).observe(parent);
    return made;
  }
  new MutationObserver(() => plots.forEach((one) => one.redraw(false)))
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  // ---------------------------------------------------------------- workers and tables
  /** Makes workers; from text, since a page on disk may not load a worker's file. */
  function workers(text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return () => new Worker(address);
  }

  /** Rows of cells into a table's body, the first cell of each its heading. */
  function fill(body, rows) {
    body.replaceChildren();
    for (const [heading, ...values] of rows) {
      const line = body.insertRow(), head = document.createElement("th");
      head.scope = "row";
      head.textContent = heading;
      line.append(head);
      for (const value of values) line.insertCell().textContent = value;
    }
  }

  return {
    color, digits, fill, find, label, least: (name, setting) => least(knobs[name], setting), logarithmic, number, onAddress, onKnobs, page, parse, plot, power, say, share, showKnobs, timeLeft, workers,
  };
}
