// Convolution by hand: a window slides over an image and fills the output, followed by ReLU and max
// pooling. Everything is computed here, so that each change shows at once; the server sends the image.

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".convolution");
  const lesson = instance(root, () => new Convolution(root, data));
  lesson.send = (settings) => setStateValue("settings", settings);
  lesson.update(data);
}

const CONV1 = "AlexNet's conv1";
const CUSTOM = "Your own";
const SLIDERS = ["size", "stride", "padding"];
const SEND_MS = 400; // after the last change

class Convolution {
  constructor(root, data) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.filters = [];
    const names = [...Object.keys(PRESETS), CUSTOM, ...(data.conv1 ? [CONV1] : [])];
    this.find(".kernel-name").append(...names.map((name) => new Option(name)));
    this.maps = Object.fromEntries(
      ["input", "conv", "relu", "pool"].map((name) => [name, new MapView(this.find(`.${name}`))]),
    );
    this.restore(data.settings);
    this.connect();
  }

  // What the address says, as text; anything that makes no sense is replaced.
  restore(settings) {
    for (const name of SLIDERS) this.find(`.${name}`).value = settings[name] || { size: 3, stride: 1 }[name] || 0;
    const sides = [...this.find(".side").options].map((option) => option.value);
    this.find(".side").value = sides.includes(settings.side) ? settings.side : "28";
    const [name, filter] = settings.kernel.split(".");
    const weights = settings.kernel.split(",").map(Number);
    this.filter = Number(filter) || 0;
    if (settings.kernel && weights.length === this.number("size") ** 2 && weights.every(Number.isFinite)) {
      this.choose(CUSTOM, weights);
    } else {
      const known = [...this.find(".kernel-name").options].some((option) => option.value === name);
      this.choose(known && name !== CUSTOM ? name : Object.keys(PRESETS)[0]);
    }
  }

  connect() {
    this.find(".kernel-name").onchange = ({ target }) => this.choose(target.value, this.kernel);
    this.find(".side").onchange = () => this.compute();
    this.find(".size").oninput = () => this.choose(this.name, resized(this.kernel, this.number("size")));
    for (const name of ["stride", "padding"]) this.find(`.${name}`).oninput = () => this.compute();
    for (const name of ["relu", "pool"]) this.find(`.with-${name}`).onchange = () => this.compute();
    this.find(".kernel .grid").oninput = () => this.edit();
    this.find(".first").onclick = () => this.go(0, 1);
    this.find(".play").onclick = () => (this.playing ? this.stop() : this.play());
    this.find(".next").onclick = () => this.next();
    for (const [name, map] of Object.entries(this.maps)) map.connect(this, name);
  }

  number(name) {
    return Number(this.find(`.${name}`).value);
  }

  update({ image, filters }) {
    if (filters.length) this.filters = filters;
    if (!changed(this.root, [image, this.filters.length])) return;
    const values = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
    this.image = { side: Math.sqrt(values.length), values: Float64Array.from(values, (v) => v / 255) };
    if (this.name === CONV1) this.choose(CONV1);
    else this.compute();
  }

  // ---------------------------------------------------------------- kernel

  choose(name, weights) {
    this.name = this.find(".kernel-name").value = name;
    const filter = name === CONV1 && (this.filters.find((each) => each.number === this.filter) ?? this.filters[0]);
    if (name === CONV1) this.find(".size").value = 11;
    const size = this.number("size");
    const own = weights?.length === size ** 2 ? weights : grid(size, () => 0);
    this.kernel = filter?.weights ?? PRESETS[name]?.(size) ?? own;
    this.bias = filter?.bias ?? 0;
    this.filter = filter?.number ?? this.filter;
    this.find(".size").disabled = name === CONV1;
    this.find(".filters").hidden = !filter;
    if (filter) this.showFilters();
    this.showKernel();
    this.compute();
  }

  showFilters() {
    const strip = this.find(".filters");
    if (!strip.children.length) {
      const limit = Math.max(...this.filters.flatMap(({ weights }) => weights.map(Math.abs)));
      strip.append(...this.filters.map((filter) => filterButton(filter, limit)));
    }
    const items = [...strip.children];
    const selected = items[this.filters.findIndex((each) => each.number === this.filter)];
    selectOne(strip, items, selected, items.length, (item, index) => {
      this.filter = this.filters[index].number;
      this.choose(CONV1);
    });
  }

  showKernel() {
    const size = this.number("size");
    const cells = this.kernel.map((weight, n) => {
      const cell = createElement("input");
      Object.assign(cell, { type: "number", step: "any", value: rounded(weight, size) });
      cell.setAttribute("aria-label", `Row ${Math.floor(n / size)}, column ${n % size}`);
      return cell;
    });
    const patch = this.kernel.map(() => createElement("span"));
    const products = this.kernel.map(() => createElement("span"));
    [["patch", patch], ["kernel", cells], ["products", products]].forEach(([name, children]) => {
      const element = this.find(`.${name} .grid`);
      element.style.setProperty("--size", size);
      element.replaceChildren(...children);
    });
    this.tintKernel();
  }

  tintKernel() {
    const limit = Math.max(...this.kernel.map(Math.abs), 1e-9);
    [...this.find(".kernel .grid").children].forEach((cell, n) => tint(cell, this.kernel[n] / limit));
  }

  // Only cells that differ: the others show their weights rounded.
  edit() {
    const size = this.number("size");
    this.kernel = [...this.find(".kernel .grid").children].map((cell, n) =>
      cell.value === String(rounded(this.kernel[n], size)) ? this.kernel[n] : Number(cell.value) || 0,
    );
    this.name = this.find(".kernel-name").value = CUSTOM;
    this.bias = 0;
    this.find(".size").disabled = false;
    this.find(".filters").hidden = true;
    this.tintKernel();
    this.compute();
  }

  // ---------------------------------------------------------------- results

  get layer() {
    const [size, stride, padding] = SLIDERS.map((name) => this.number(name));
    return { kernel: this.kernel, bias: this.bias, size, stride, padding };
  }

  compute() {
    if (!this.image) return; // the first update brings it
    this.stop();
    for (const name of SLIDERS) {
      this.find(`.${name}`).previousElementSibling.textContent = this.number(name);
    }
    const side = this.number("side");
    this.input = side === this.image.side ? this.image : resize(this.image, side);
    this.conv = convolve(this.input, this.layer);
    this.activated = this.find(".with-relu").checked ? relu(this.conv) : this.conv;
    this.pooled = maxPool(this.activated);
    this.maps.relu.show(this.find(".with-relu").checked);
    this.maps.pool.show(this.find(".with-pool").checked);
    this.maps.input.paintInput(this.input, this.layer);
    this.find(".results").hidden = !this.conv.side;
    this.explain();
    const { side: count } = this.conv;
    const middle = (count >> 1) * count + (count >> 1);
    this.go(this.count === count ? Math.min(this.position, count ** 2 - 1) : middle, count ** 2);
    this.count = count;
    this.save();
  }

  explain() {
    const pooled = this.find(".with-pool").checked && this.pooled;
    this.find(".formula").textContent = sizeFormula(this.input.side, this.layer, pooled);
    const loading = this.name === CONV1 && !this.filters.length;
    const texts = loading ? ["Loading the filters of the included model…"] : notices(this.input.side, this.layer);
    this.find(".notice").textContent = texts.join(" ");
  }

  // Send the settings for the address, unless they are those that it has.
  save() {
    const settings = { side: this.number("side") };
    for (const name of SLIDERS) settings[name] = this.number(name);
    settings.kernel = this.name === CONV1 ? `${CONV1}.${this.filter}` : this.name;
    if (this.name === CUSTOM) settings.kernel = this.kernel.map((w) => Number(w.toPrecision(3))).join();
    const text = JSON.stringify(settings);
    this.sent ??= text;
    clearTimeout(this.saving);
    this.saving = setTimeout(() => {
      if (text !== this.sent && this.root.isConnected) this.send(settings);
      this.sent = text;
    }, SEND_MS);
  }

  // ---------------------------------------------------------------- position

  // Move the window to a position, counted row by row; the outputs before `filled` are shown.
  go(position, filled = Math.max(this.filled, position + 1)) {
    [this.position, this.filled] = [position, filled];
    const side = this.conv.side;
    if (!side) return;
    const [row, column] = [Math.floor(position / side), position % side];
    const { size, stride, padding } = this.layer;
    const padded = this.input.side + 2 * padding;
    this.maps.input.mark(row * stride, column * stride, size, padded);
    this.maps.conv.paint(this.conv, "Convolution", filled);
    this.maps.conv.mark(row, column, 1, side);
    this.maps.relu.paint(this.activated, "ReLU", filled);
    this.maps.relu.mark(row, column, 1, side);
    const [y, x] = [row >> 1, column >> 1];
    const complete = (n) => {
      const corner = (2 * Math.floor(n / this.pooled.side) + 1) * side + 2 * (n % this.pooled.side) + 1;
      return corner < filled;
    };
    this.maps.pool.paint(this.pooled, "Max pooling", filled, complete);
    this.maps.pool.mark(y, x, 1, this.pooled.side);
    this.find(".where").textContent = `Row ${row}, column ${column} of ${side}×${side}`;
    this.showProducts(row, column);
  }

  next() {
    this.stop();
    const last = this.conv.side ** 2 - 1;
    this.go(this.position < last ? this.position + 1 : 0, this.position < last ? undefined : 1);
  }

  play() {
    const last = this.conv.side ** 2 - 1;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.go(last); // the result, without the motion
      return;
    }
    if (this.filled > last) this.go(0, 1);
    this.playing = true;
    showPlaying(this.find(".play"), true);
    let [before, due] = [performance.now(), 0];
    const frame = (now) => {
      if (!this.playing || !this.root.isConnected) return;
      due += ((now - before) * this.number("rate")) / 1000;
      before = now;
      if (due >= 1) this.go(Math.min(last, this.position + Math.floor(due)));
      due %= 1;
      if (this.position === last) this.stop();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  stop() {
    this.playing = false;
    showPlaying(this.find(".play"), false);
  }

  // ---------------------------------------------------------------- the sum

  showProducts(row, column) {
    const { size, stride, padding } = this.layer;
    const patch = patchAt(this.input, size, row * stride - padding, column * stride - padding);
    const products = patch.map((pixel, n) => pixel * this.kernel[n]);
    const limit = Math.max(...products.map(Math.abs), 1e-9);
    const fill = (name, values, scale) =>
      [...this.find(`.${name} .grid`).children].forEach((cell, n) => {
        cell.textContent = short(values[n]);
        tint(cell, values[n] / scale);
      });
    fill("patch", patch, 1);
    fill("products", products, limit);
    this.find(".equation").replaceChildren(
      ...equations(this, row, column, patch, products).map((text) => createElement("p", text)),
    );
  }
}
