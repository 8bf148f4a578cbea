// A map of images: points on a canvas. The nearest one shows its image, a click opens it, and a
// lasso selects several.
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const map = instance(parentElement, () => new EmbeddingMap(parentElement));
  map.select = (numbers) => setStateValue("chosen", numbers);
  map.open = (number) => setTriggerValue("opened", number);
  map.show(data);
}

const REACH = 14; // CSS pixels between the pointer and a point that it still hits
const CLICK = 5; // CSS pixels: a pointer that moved less has clicked
const TILE = 84; // CSS pixels: side of the image in the tooltip

class EmbeddingMap {
  constructor(parent) {
    this.canvas = parent.querySelector("canvas");
    this.tip = parent.querySelector(".tip");
    this.legend = parent.querySelector(".legend");
    this.context = this.canvas.getContext("2d");
    this.lasso = null;
    this.hidden = new Set();
    new ResizeObserver(() => this.paint()).observe(this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => this.clearLasso());
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  show(data) {
    const old = this.data;
    this.data = data;
    if (!old || old.key !== data.key) {
      this.legend.replaceChildren(...data.classes.map((name, index) => this.classButton(name, index)));
      this.hidden.clear();
    }
    if (data.sprite && !this.sprite) {
      const image = new Image();
      image.onload = () => (this.sprite = image); // until then, and without it, names alone
      image.src = staticUrl(data.sprite.file);
    }
    this.selected = new Set(data.chosen);
    this.paint();
  }

  classButton(name, index) {
    const button = createElement("button", name);
    button.type = "button";
    button.style.setProperty("--tone", this.data.colors[index]);
    button.setAttribute("aria-pressed", true);
    button.onclick = () => {
      const shown = this.hidden.delete(index);
      if (!shown) this.hidden.add(index);
      button.setAttribute("aria-pressed", shown);
      this.paint();
    };
    return button;
  }

  at(number) {
    const { width, height } = this.box;
    return [this.data.x[number] * width, this.data.y[number] * height];
  }

  paint() {
    if (!this.data) return;
    this.box = this.canvas.getBoundingClientRect();
    const scale = window.devicePixelRatio || 1;
    const { width, height } = this.box;
    if (!width) return;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const { context } = this;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const side = width < 500 ? 2 : 3;
    const fade = this.selected.size > 0;
    for (const front of fade ? [false, true] : [false]) {
      this.data.colors.forEach((color, index) => {
        if (this.hidden.has(index)) return;
        context.fillStyle = color;
        context.globalAlpha = fade && !front ? 0.15 : 0.75;
        this.data.labels.forEach((label, number) => {
          if (label !== index || (fade && front !== this.selected.has(number))) return;
          const [x, y] = this.at(number);
          context.fillRect(x - side / 2, y - side / 2, side, side);
        });
      });
    }
    context.globalAlpha = 1;
    if (this.lasso) this.drawLasso();
  }

  drawLasso() {
    const { context } = this;
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.lineWidth = 1.5;
    context.beginPath();
    this.lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.stroke();
  }

  position(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.lasso = [this.position(event)];
  }

  move(event) {
    if (this.lasso) {
      this.lasso.push(this.position(event));
      this.tip.hidden = true;
      this.paint();
    } else {
      this.hover(this.nearest(this.position(event)));
    }
  }

  release(event) {
    const lasso = this.lasso;
    this.clearLasso();
    if (!lasso) return;
    const [x, y] = lasso[0];
    const distance = Math.max(...lasso.map(([px, py]) => Math.hypot(px - x, py - y)));
    if (distance < CLICK) {
      const number = this.nearest(this.position(event));
      if (number >= 0) this.open(number);
      else if (this.selected.size) this.select([]);
      return;
    }
    const inside = [];
    this.data.labels.forEach((label, number) => {
      if (!this.hidden.has(label) && isInside(this.at(number), lasso)) inside.push(number);
    });
    this.select(inside);
  }

  clearLasso() {
    this.lasso = null;
    this.paint();
  }

  nearest([x, y]) {
    let best = -1;
    let least = REACH;
    this.data.labels.forEach((label, number) => {
      if (this.hidden.has(label)) return;
      const [px, py] = this.at(number);
      const distance = Math.hypot(px - x, py - y);
      if (distance < least) [best, least] = [number, distance];
    });
    return best;
  }

  hover(number) {
    this.tip.hidden = number < 0;
    this.canvas.style.cursor = number < 0 ? "crosshair" : "pointer";
    if (number < 0) return;
    const { labels, guesses, classes } = this.data;
    const [x, y] = this.at(number);
    const image = this.tip.querySelector(".thumbnail");
    if (this.sprite) {
      const { columns, rows } = this.data.sprite;
      image.style.backgroundImage = `url("${this.sprite.src}")`;
      image.style.backgroundSize = `${columns * TILE}px ${rows * TILE}px`;
      const [column, row] = [number % columns, Math.floor(number / columns)];
      image.style.backgroundPosition = `${-column * TILE}px ${-row * TILE}px`;
    }
    image.hidden = !this.sprite;
    const [label, prediction] = [classes[labels[number]], classes[guesses[number]]];
    this.tip.querySelector(".words").textContent =
      label === prediction ? label : `${label}, predicted as ${prediction}`;
    // On the side of the point that has more room.
    this.tip.style.left = x > this.box.width / 2 ? "auto" : `${x + 12}px`;
    this.tip.style.right = x > this.box.width / 2 ? `${this.box.width - x + 12}px` : "auto";
    this.tip.style.top = `${Math.min(y, this.box.height - TILE - 40)}px`;
  }
}

// Whether a point is inside a polygon: a ray from it crosses the outline an odd number of times.
function isInside([x, y], polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
