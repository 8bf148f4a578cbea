// A drawing canvas. A drawing is a list of strokes in canvas units:
//   [{ tool: "pen" | "eraser", width, points: [[x, y], …] }, …]
// With data.image, an image's URL, it is on top of that image, in black.
// After every change the whole list goes to Python as the state "strokes". Python sends it back as
// data.strokes, which is read only when the canvas is created, such as after a page switch: a late
// reply must not undo the stroke in progress.

const PIXELS_PER_UNIT = 3;
const DEFAULT_WIDTH = 8;
const COVERING_WIDTH = 24;
const MIN_DISTANCE = 0.75; // units between points of a stroke

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const drawing = instance(
    parentElement,
    () => new Drawing(parentElement, data),
  );
  drawing.send = (strokes) => setStateValue("strokes", strokes);
  drawing.paint(); // the theme may have changed
}

class Drawing {
  constructor(parent, { side, strokes, image }) {
    this.side = side;
    this.history = [strokes]; // every state of the drawing, for undo and redo
    this.current = 0; // index in history
    this.tool = "pen";
    this.stroke = null; // the stroke in progress
    this.pointer = null; // id of the pointer that draws it

    this.root = parent.querySelector(".drawing");
    this.canvas = parent.querySelector("canvas");
    this.hint = parent.querySelector(".hint");
    this.slider = parent.querySelector("input");
    this.canvas.width = this.canvas.height = side * PIXELS_PER_UNIT;
    this.context = this.canvas.getContext("2d");
    this.slider.value = image ? COVERING_WIDTH : DEFAULT_WIDTH;
    if (image) this.putOn(image);
    this.showWidth();
    this.listen();
  }

  putOn(image) {
    this.canvas.style.background = `url("${image}") 0 0 / 100% 100%`;
    this.canvas.style.imageRendering = "pixelated";
    this.canvas.style.color = "black";
    this.canvas.ariaLabel = "The image. Cover parts of it with a mouse, finger, or pen.";
    this.hint.remove();
  }

  get strokes() {
    return this.history[this.current];
  }

  listen() {
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.end(event));
    this.canvas.addEventListener("pointercancel", (event) => this.end(event));
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("click", (event) => this.press(event.target.closest("button")));
    this.slider.addEventListener("input", () => this.showWidth());
  }

  // ---------------------------------------------------------------- strokes

  begin(event) {
    if (this.stroke || (event.pointerType === "mouse" && event.button !== 0)) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const eraserEnd = (event.buttons & 32) !== 0; // of a stylus
    this.pointer = event.pointerId;
    this.stroke = {
      tool: eraserEnd ? "eraser" : this.tool,
      width: Number(this.slider.value),
      points: [this.position(event)],
    };
    this.hint.hidden = true;
    this.trace(this.stroke, 0);
  }

  move(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const { points } = this.stroke;
    const known = points.length;
    for (const each of events.length ? events : [event]) {
      const [x, y] = this.position(each);
      const [lastX, lastY] = points[points.length - 1];
      if (Math.hypot(x - lastX, y - lastY) >= MIN_DISTANCE) points.push([x, y]);
    }
    if (points.length > known) this.trace(this.stroke, known - 1);
  }

  end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const finished = this.stroke;
    this.stroke = this.pointer = null;
    this.change([...this.strokes, finished]);
  }

  position(event) {
    const box = this.canvas.getBoundingClientRect();
    const unit = (offset, length) => {
      const value = (offset / length) * this.side;
      return Math.round(Math.min(2 * this.side, Math.max(-this.side, value)) * 10) / 10;
    };
    return [unit(event.clientX - box.left, box.width), unit(event.clientY - box.top, box.height)];
  }

  // ---------------------------------------------------------------- undo, redo, clear

  change(strokes) {
    this.history = [...this.history.slice(0, this.current + 1), strokes];
    this.goTo(this.history.length - 1);
  }

  goTo(index) {
    if (this.stroke || index < 0 || index >= this.history.length) return;
    this.current = index;
    this.paint();
    this.send(this.strokes);
  }

  press(button) {
    if (!button) return;
    const { tool, action } = button.dataset;
    if (tool) this.tool = tool;
    if (action === "undo") this.goTo(this.current - 1);
    if (action === "redo") this.goTo(this.current + 1);
    if (action === "clear") this.change([]);
    this.showTools();
  }

  key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const letter = event.key.toLowerCase();
    if (letter !== "z" && letter !== "y") return;
    event.preventDefault();
    event.stopPropagation();
    this.goTo(this.current + (letter === "y" || event.shiftKey ? 1 : -1));
  }

  // ---------------------------------------------------------------- rendering

  paint() {
    this.context.setTransform(PIXELS_PER_UNIT, 0, 0, PIXELS_PER_UNIT, 0, 0);
    this.context.clearRect(0, 0, this.side, this.side);
    for (const stroke of this.strokes) this.trace(stroke, 0);
    if (this.stroke) this.trace(this.stroke, 0);
    this.hint.hidden = this.strokes.length > 0 || this.stroke !== null;
    this.showTools();
  }

  trace({ tool, width, points }, from) {
    const pen = this.context;
    pen.globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
    pen.strokeStyle = getComputedStyle(this.canvas).color;
    pen.lineWidth = width;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...points[from]);
    pen.lineTo(...points[from]); // a tap leaves a dot
    for (const point of points.slice(from + 1)) pen.lineTo(...point);
    pen.stroke();
  }

  showTools() {
    for (const button of this.root.querySelectorAll("button")) {
      const { tool, action } = button.dataset;
      if (tool) button.setAttribute("aria-pressed", String(tool === this.tool));
      if (action === "undo") button.disabled = this.current === 0;
      if (action === "redo") button.disabled = this.current === this.history.length - 1;
      if (action === "clear") button.disabled = this.strokes.length === 0;
    }
  }

  showWidth() {
    this.root.style.setProperty("--pen", `${this.slider.value}px`);
  }
}
