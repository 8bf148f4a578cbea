// A training to go through by a slider: what the network said of the pins, its first filters, what
// it mixed up and how its layers fared, at every recorded moment. All moments are here at once, so
// that the slider waits for nobody.

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".replay");
  const replay = instance(root, () => new Replay(root));
  replay.tell = (step) => setStateValue("step", step);
  replay.show(data);
}

const PLAY_MS = 700; // a moment's time on screen while it plays
const TOP = 3; // classes named for a pin
const FILTERS_A_ROW = 12;
const CURVE = { left: 44, right: 12, top: 8, bottom: 24, width: 340, height: 190 };

class Replay {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.slider = this.find("input[type=range]");
    this.slider.oninput = () => this.go(Number(this.slider.value));
    this.slider.onchange = () => this.tell(this.moment.step);
    this.find(".play").onclick = () => this.toggle();
    this.find(".warm").onchange = () => this.paint();
  }

  // -------------------------------------------------------------- moving in time

  show(data) {
    const before = this.data;
    this.data = data;
    const last = data.moments.length - 1;
    if (!before || before.key !== data.key) {
      this.stop();
      this.at = this.near(data.step);
    } else if (this.at === before.moments.length - 1) {
      this.at = last; // whoever looks at the newest moment goes along with the training
    }
    this.slider.max = last;
    const ids = (shown) => shown.pins.map((pin) => pin.id).join();
    if (!before || before.key !== data.key || ids(before) !== ids(data)) {
      this.cards = data.pins.map((pin) => new Card(pin, data));
      this.find(".cards").replaceChildren(...this.cards.map((card) => card.element));
    }
    this.go(Math.min(this.at, last));
  }

  near(step) {
    const steps = this.data.moments.map((moment) => moment.step);
    if (step === null) return steps.length - 1;
    const away = steps.map((each) => Math.abs(each - step));
    return away.indexOf(Math.min(...away));
  }

  get moment() {
    return this.data.moments[this.at];
  }

  go(place) {
    this.at = place;
    this.slider.value = place;
    this.slider.setAttribute("aria-valuetext", this.when());
    this.paint();
  }

  toggle() {
    if (this.timer) {
      this.stop();
      this.tell(this.moment.step);
      return;
    }
    const last = this.data.moments.length - 1;
    if (this.at === last) this.go(0);
    this.timer = setInterval(() => {
      if (!this.root.isConnected || this.at >= this.data.moments.length - 1) this.stop();
      else this.go(this.at + 1);
    }, PLAY_MS);
    this.mark("Pause", "M6 5h4v14H6zM14 5h4v14h-4z");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.mark("Play", "M8 5v14l11-7z");
  }

  mark(name, path) {
    const button = this.find(".play");
    button.setAttribute("aria-label", name);
    button.title = name;
    button.querySelector("path").setAttribute("d", path);
  }

  // -------------------------------------------------------------- what is shown

  paint() {
    const { moment } = this;
    this.find(".when").textContent = this.when();
    this.find(".worries").replaceChildren(...moment.worries.map((words) => createElement("li", words)));
    const warm = this.find(".warm").checked;
    for (const card of this.cards) card.show(moment.pins[card.pin.id], warm);
    this.curve();
    filters(this.find(".filters canvas"), moment.filters);
    const count = moment.filters.shape[0];
    this.find(".filters .note").textContent =
      `${count} filters of ${moment.filters.shape.slice(1).join("×")}; grey is 0` +
      (moment.width < 1 ? `. The network has ${moment.size} here.` : ".");
    this.confusion();
    this.health();
  }

  when() {
    const { moment } = this;
    if (moment.step === 0) return "Before the first step";
    const epoch = Number(moment.epoch.toFixed(2));
    const words = [`Epoch ${epoch} of ${this.data.epochs}`, `step ${moment.step.toLocaleString("en")}`];
    if (moment.accuracy !== null) words.push(`${percent(moment.accuracy)} of the tested images`);
    return words.join(" · ");
  }

  curve() {
    const { left, right, top, bottom, width, height } = CURVE;
    const x = (epoch) => left + (epoch / this.data.epochs) * (width - left - right);
    const y = (share) => top + (1 - share) * (height - top - bottom);
    const here = this.moment.epoch;
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      parts.push(svg("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), class: "grid" }));
      parts.push(svg("text", { x: left - 4, y: y(share) + 4, class: "tick end" }, `${share * 100}%`));
    }
    for (const epoch of [0, this.data.epochs]) {
      const middle = epoch ? "tick end" : "tick";
      parts.push(svg("text", { x: x(epoch), y: height - 6, class: middle }, `epoch ${epoch}`));
    }
    for (const [name, points] of Object.entries(this.data.curves)) {
      const all = points.map(([epoch, share]) => `${x(epoch)},${y(share)}`);
      const past = points.filter(([epoch]) => epoch <= here + 1e-6);
      parts.push(svg("polyline", { points: all.join(" "), class: `${name} ahead` }));
      const done = past.map(([epoch, share]) => `${x(epoch)},${y(share)}`).join(" ");
      parts.push(svg("polyline", { points: done, class: name }));
      if (past.length) {
        const [epoch, share] = past.at(-1);
        parts.push(svg("circle", { cx: x(epoch), cy: y(share), r: 3.5, class: name }));
      }
    }
    parts.push(svg("line", { x1: x(here), x2: x(here), y1: top, y2: height - bottom, class: "now" }));
    parts.push(svg("text", { x: width - right - 4, y: y(0) - 26, class: "tick end train" }, "trained on"));
    parts.push(svg("text", { x: width - right - 4, y: y(0) - 8, class: "tick end test" }, "tested on"));
    this.find(".curve svg").replaceChildren(...parts);
  }

  confusion() {
    const { moments, classes } = this.data;
    const tested = moments.slice(0, this.at + 1).filter((moment) => moment.confusion);
    const table = this.find(".confusion table");
    table.hidden = !tested.length;
    const note = this.find(".confusion .note");
    if (!tested.length) {
      note.textContent = "It is tested at the end of the first epoch.";
      return;
    }
    const { confusion, epoch } = tested.at(-1);
    const body = document.createElement("tbody");
    confusion.forEach((row, truth) => {
      const total = row.reduce((sum, count) => sum + count, 0) || 1;
      const line = body.insertRow();
      line.append(createElement("th", classes[truth]));
      row.forEach((count, guess) => {
        const cell = line.insertCell();
        cell.className = truth === guess ? "right" : "wrong";
        cell.style.setProperty("--share", Math.sqrt(count / total).toFixed(3));
        const said = truth === guess ? "known" : `taken for ${classes[guess]}`;
        cell.title = `${count} of ${total}: ${classes[truth]}, ${said}`;
      });
    });
    table.replaceChildren(body);
    note.textContent = `Rows: what it is. Columns, in the same order: what it was taken for. After epoch ${epoch}.`;
  }

  health() {
    const head = ["Layer", "Always 0", "Weights", "Gradient", "Change a step"];
    const table = document.createElement("tbody");
    table.insertRow().append(...head.map((words) => createElement("th", words)));
    for (const layer of this.moment.layers) {
      const cells = [
        layer.dead === null ? "–" : percent(layer.dead),
        short(layer.weight_norm),
        layer.gradient_norm === null ? "–" : short(layer.gradient_norm),
        layer.update_ratio === null ? "–" : `${short(100 * layer.update_ratio)}%`,
      ];
      table.insertRow().append(createElement("th", layer.name), ...cells.map((words) => createElement("td", words)));
    }
    this.find(".health table").replaceChildren(table);
  }
}

// A pin: the picture, under the map of where the network looks, and what it is taken for.
class Card {
  constructor(pin, data) {
    this.pin = pin;
    this.classes = data.classes;
    this.colors = data.colors;
    this.element = createElement("figure");
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.canvas.height = 112;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", pin.name);
    this.bars = createElement("div", "", "bars");
    const words = createElement("figcaption", pin.label ? `${pin.name}: ${pin.label}` : pin.name);
    words.title = words.textContent;
    this.element.append(this.canvas, words, this.bars);
    this.picture = new Image();
    this.picture.onload = () => this.paint();
    this.picture.src = pin.src;
  }

  show(seen, warm) {
    this.seen = seen;
    this.warm = warm;
    this.paint();
    if (!seen) {
      this.bars.replaceChildren(createElement("p", "Not pinned yet at this moment.", "note"));
      return;
    }
    const order = seen.probabilities.map((share, place) => [share, place]);
    order.sort((a, b) => b[0] - a[0]);
    this.bars.replaceChildren(...order.slice(0, TOP).map(([share, place]) => this.bar(share, place)));
    const right = !this.pin.label || this.classes[order[0][1]] === this.pin.label;
    this.element.classList.toggle("mistaken", !right);
  }

  bar(share, place) {
    const row = createElement("div", "", "row");
    const fill = createElement("i");
    fill.style.width = `${(100 * share).toFixed(1)}%`;
    fill.style.background = this.colors[place];
    const name = createElement("span", this.classes[place], "name");
    row.append(fill, name, createElement("span", about(share), "share"));
    return row;
  }

  paint() {
    if (!this.picture.complete || !this.picture.naturalWidth) return;
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, 0, 0, width, height);
    if (!this.seen || !this.warm) return;
    const [rows, columns] = this.seen.heat.shape;
    const levels = bytes(this.seen.heat);
    const map = new ImageData(columns, rows);
    levels.forEach((level, place) => {
      map.data.set([255, 60 + 0.7 * level, 90 * (level / 255) ** 3, 0.7 * level], 4 * place);
    });
    const small = document.createElement("canvas");
    small.width = columns;
    small.height = rows;
    small.getContext("2d").putImageData(map, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, width, height);
  }
}

// ------------------------------------------------------------------ small tools

function filters(canvas, map) {
  const [count, height, width] = map.shape;
  const rows = Math.ceil(count / FILTERS_A_ROW);
  canvas.width = FILTERS_A_ROW * (width + 1) - 1;
  canvas.height = rows * (height + 1) - 1;
  const context = canvas.getContext("2d");
  const levels = bytes(map);
  for (let number = 0; number < count; number++) {
    const tile = new ImageData(width, height);
    for (let place = 0; place < width * height; place++) {
      const level = levels[number * width * height + place];
      tile.data.set([level, level, level, 255], 4 * place);
    }
    const column = number % FILTERS_A_ROW;
    const row = Math.floor(number / FILTERS_A_ROW);
    context.putImageData(tile, column * (width + 1), row * (height + 1));
  }
}

function bytes(map) {
  return Uint8Array.from(atob(map.bytes), (sign) => sign.charCodeAt(0));
}

function svg(tag, attributes, words = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = words;
  return made;
}

function percent(share, digits = 1) {
  return `${(100 * share).toFixed(digits)}%`;
}

// Never to certainty, nor to nothing.
function about(share) {
  if (share > 0.99) return ">\u00a099%";
  return share < 0.01 ? "<\u00a01%" : percent(share, 0);
}

function short(value) {
  if (value === 0) return "0";
  return Math.abs(value) < 0.01 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
