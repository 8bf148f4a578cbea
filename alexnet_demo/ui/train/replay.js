// Training replay: predictions for the pinned images, conv1 filters, confusion matrix, and layer
// health at every recorded snapshot. All snapshots are in the browser, so the slider needs no
// server.

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".replay");
  const replay = instance(root, () => new Replay(root));
  replay.sendStep = (step) => setStateValue("step", step);
  replay.update(data);
}

const PLAY_MS = 700; // time per snapshot during playback
const TOP = 3; // classes listed per pin
const FILTERS_PER_ROW = 12;
const CURVE = { left: 44, right: 12, top: 8, bottom: 24, width: 340, height: 190 };

class Replay {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.slider = this.find("input[type=range]");
    this.slider.oninput = () => this.go(Number(this.slider.value));
    this.slider.onchange = () => this.sendStep(this.snapshot.step);
    this.find(".play").onclick = () => this.togglePlayback();
    this.find(".heat").onchange = () => this.draw();
  }

  // -------------------------------------------------------------- navigation

  update(data) {
    const before = this.data;
    this.data = data;
    const last = data.snapshots.length - 1;
    const otherRun = before?.key !== data.key;
    if (otherRun) {
      this.stop();
      this.index = this.nearest(data.step);
    } else if (this.index === before.snapshots.length - 1) {
      this.index = last; // the newest snapshot was shown: follow the run
    }
    this.slider.max = last;
    const ids = ({ pins }) => pins.map((pin) => pin.id).join();
    if (otherRun || ids(before) !== ids(data)) {
      this.cards = data.pins.map((pin) => new Card(pin, data));
      this.find(".cards").replaceChildren(...this.cards.map((card) => card.element));
    }
    this.go(Math.min(this.index, last));
  }

  nearest(step) {
    const steps = this.data.snapshots.map((snapshot) => snapshot.step);
    if (step === null) return steps.length - 1;
    const distances = steps.map((each) => Math.abs(each - step));
    return distances.indexOf(Math.min(...distances));
  }

  get snapshot() {
    return this.data.snapshots[this.index];
  }

  go(index) {
    this.index = index;
    this.slider.value = index;
    this.slider.setAttribute("aria-valuetext", this.position());
    this.draw();
  }

  togglePlayback() {
    if (this.timer) {
      this.stop();
      this.sendStep(this.snapshot.step);
      return;
    }
    const last = () => this.data.snapshots.length - 1;
    if (this.index === last()) this.go(0);
    this.timer = setInterval(() => {
      if (!this.root.isConnected || this.index >= last()) this.stop();
      else this.go(this.index + 1);
    }, PLAY_MS);
    showPlaying(this.find(".play"), true);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    showPlaying(this.find(".play"), false);
  }

  // -------------------------------------------------------------- drawing

  draw() {
    const { snapshot } = this;
    this.find(".when").textContent = this.position();
    this.find(".warnings").replaceChildren(...snapshot.warnings.map((text) => createElement("li", text)));
    const heat = this.find(".heat").checked;
    for (const card of this.cards) card.update(snapshot.pins[card.pin.id], heat);
    this.drawCurve();
    drawFilters(this.find(".filters canvas"), snapshot.filters);
    const [count, ...size] = snapshot.filters.shape;
    const width = snapshot.width < 1 ? ` The network has ${snapshot.size} at this step.` : "";
    this.find(".filters .note").textContent = `${count} filters, ${size.join("×")}. Gray is 0.${width}`;
    this.drawConfusion();
    this.drawHealth();
  }

  position() {
    const { snapshot } = this;
    if (snapshot.step === 0) return "Before the first step";
    const epoch = Number(snapshot.epoch.toFixed(2));
    const parts = [`Epoch ${epoch} of ${this.data.epochs}`, `step ${snapshot.step.toLocaleString("en")}`];
    if (snapshot.accuracy !== null) parts.push(`${percent(snapshot.accuracy)} ${this.data.tested_on} accuracy`);
    return parts.join(" · ");
  }

  drawCurve() {
    const { left, right, top, bottom, width, height } = CURVE;
    const x = (epoch) => left + (epoch / this.data.epochs) * (width - left - right);
    const y = (accuracy) => top + (1 - accuracy) * (height - top - bottom);
    const path = (points) => points.map(([epoch, accuracy]) => `${x(epoch)},${y(accuracy)}`).join(" ");
    const now = this.snapshot.epoch;
    const shapes = [];
    const line = (x1, y1, x2, y2, name) => shapes.push(svg("line", { x1, x2, y1, y2, class: name }));
    const text = (x, y, words, name) => shapes.push(svg("text", { x, y, class: name }, words));
    for (const accuracy of [0, 0.5, 1]) {
      line(left, y(accuracy), width - right, y(accuracy), "grid");
      text(left - 4, y(accuracy) + 4, `${accuracy * 100}%`, "tick end");
    }
    text(x(0), height - 6, "epoch 0", "tick");
    text(x(this.data.epochs), height - 6, `epoch ${this.data.epochs}`, "tick end");
    for (const [name, points] of Object.entries(this.data.curves)) {
      const past = points.filter(([epoch]) => epoch <= now + 1e-6);
      shapes.push(svg("polyline", { points: path(points), class: `${name} ahead` }));
      shapes.push(svg("polyline", { points: path(past), class: name }));
      if (past.length) {
        const [epoch, accuracy] = past.at(-1);
        shapes.push(svg("circle", { cx: x(epoch), cy: y(accuracy), r: 3.5, class: name }));
      }
    }
    line(x(now), top, x(now), height - bottom, "now");
    text(width - right - 4, y(0) - 26, "training", "tick end train");
    text(width - right - 4, y(0) - 8, this.data.tested_on, "tick end test");
    this.find(".curve svg").replaceChildren(...shapes);
  }

  drawConfusion() {
    const { snapshots, classes } = this.data;
    const tested = snapshots.slice(0, this.index + 1).filter((snapshot) => snapshot.confusion);
    const table = this.find(".confusion table");
    const note = this.find(".confusion .note");
    table.hidden = !tested.length;
    if (!tested.length) {
      note.textContent = "Available after the first epoch.";
      return;
    }
    const { confusion, epoch } = tested.at(-1);
    const body = document.createElement("tbody");
    confusion.forEach((row, truth) => {
      const total = row.reduce((sum, count) => sum + count, 0) || 1;
      const line = body.insertRow();
      line.append(createElement("th", classes[truth]));
      row.forEach((count, prediction) => {
        const cell = line.insertCell();
        cell.className = truth === prediction ? "correct" : "wrong";
        cell.style.setProperty("--share", Math.sqrt(count / total).toFixed(3));
        cell.title = `${classes[truth]} predicted as ${classes[prediction]}: ${count} of ${total}`;
      });
    });
    table.replaceChildren(body);
    note.textContent = `Rows: true class. Columns: predicted class, in the same order. After epoch ${epoch}.`;
  }

  drawHealth() {
    const head = ["Layer", "Dead", "Weights", "Gradient", "Update ÷ weight"];
    const table = document.createElement("tbody");
    table.insertRow().append(...head.map((text) => createElement("th", text)));
    for (const layer of this.snapshot.layers) {
      const cells = [
        layer.dead === null ? "–" : percent(layer.dead),
        short(layer.weight_norm),
        layer.gradient_norm === null ? "–" : short(layer.gradient_norm),
        layer.update_ratio === null ? "–" : percent(layer.update_ratio),
      ];
      table.insertRow().append(createElement("th", layer.name), ...cells.map((text) => createElement("td", text)));
    }
    this.find(".health table").replaceChildren(table);
  }
}

// A pinned image under its Grad-CAM heat map, with the most probable classes.
class Card {
  constructor(pin, { classes, colors }) {
    Object.assign(this, { pin, classes, colors });
    this.element = createElement("figure");
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.canvas.height = 112;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", pin.name);
    this.bars = createElement("div", "", "bars");
    const caption = createElement("figcaption", pin.label ? `${pin.name}: ${pin.label}` : pin.name);
    caption.title = caption.textContent;
    this.element.append(this.canvas, caption, this.bars);
    this.image = new Image();
    this.image.onload = () => this.draw();
    this.image.src = pin.src;
  }

  // A pin that was added later has no prediction at earlier snapshots.
  update(prediction, heat) {
    this.heat = heat ? prediction?.heat : null;
    this.draw();
    this.element.classList.remove("misclassified");
    if (!prediction) {
      this.bars.replaceChildren(createElement("p", "Not pinned yet at this step.", "note"));
      return;
    }
    const ranked = prediction.probabilities.map((probability, label) => [probability, label]);
    ranked.sort((a, b) => b[0] - a[0]);
    this.bars.replaceChildren(...ranked.slice(0, TOP).map((entry) => this.bar(...entry)));
    const wrong = this.pin.label && this.classes[ranked[0][1]] !== this.pin.label;
    this.element.classList.toggle("misclassified", Boolean(wrong));
  }

  bar(probability, label) {
    const row = createElement("div", "", "row");
    const fill = createElement("i");
    fill.style.width = `${(100 * probability).toFixed(1)}%`;
    fill.style.background = this.colors[label];
    const name = createElement("span", this.classes[label], "name");
    row.append(fill, name, createElement("span", probabilityText(probability), "share"));
    return row;
  }

  draw() {
    if (!this.image.complete || !this.image.naturalWidth) return;
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, 0, 0, width, height);
    if (!this.heat) return;
    const [rows, columns] = this.heat.shape;
    const map = new ImageData(columns, rows);
    bytes(this.heat).forEach((level, index) => {
      map.data.set([255, 60 + 0.7 * level, 90 * (level / 255) ** 3, 0.7 * level], 4 * index);
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

// ------------------------------------------------------------------ helpers

function drawFilters(canvas, map) {
  const [count, height, width] = map.shape;
  const rows = Math.ceil(count / FILTERS_PER_ROW);
  canvas.width = FILTERS_PER_ROW * (width + 1) - 1;
  canvas.height = rows * (height + 1) - 1;
  const context = canvas.getContext("2d");
  const levels = bytes(map);
  for (let number = 0; number < count; number++) {
    const tile = new ImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const level = levels[number * width * height + pixel];
      tile.data.set([level, level, level, 255], 4 * pixel);
    }
    const column = number % FILTERS_PER_ROW;
    const row = Math.floor(number / FILTERS_PER_ROW);
    context.putImageData(tile, column * (width + 1), row * (height + 1));
  }
}

function bytes(map) {
  return Uint8Array.from(atob(map.bytes), (character) => character.charCodeAt(0));
}

function svg(tag, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

// Rounds as `percent` in common/text.py does: halves up, and never to all or nothing.
function percent(share) {
  const units = Math.floor(1000 * share + 0.5 + 1e-4);
  if (units === 0 && share > 0) return "<0.1%";
  if (units === 1000 && share < 1) return ">99.9%";
  return `${(units / 10).toFixed(1)}%`;
}

// Softmax reaches neither 0 nor 1, but a float32 does.
function probabilityText(probability) {
  return percent(Math.min(Math.max(probability, 1e-9), 1 - 1e-9));
}

function short(value) {
  if (value === 0) return "0";
  return Math.abs(value) < 0.01 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
