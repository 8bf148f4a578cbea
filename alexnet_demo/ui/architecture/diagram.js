// The block diagram: one block is chosen at a time, by click, tap, Enter, or the arrow keys.
const drawn = new WeakMap(); // the SVG that an element shows now

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".diagram");
  if (!drawn.has(root)) {
    const more = parentElement.querySelector(".more");
    new ResizeObserver(() => {
      more.hidden = root.scrollWidth <= root.clientWidth;
    }).observe(root);
  }
  if (drawn.get(root) !== data.svg) {
    root.innerHTML = data.svg;
    drawn.set(root, data.svg);
    offerFiles(parentElement.querySelector(".files"), data.svg, "alexnet");
  }
  const blocks = [...root.querySelectorAll(".block")];

  const mark = (chosen) => {
    for (const block of blocks) {
      const pressed = block === chosen;
      block.setAttribute("role", "button");
      block.setAttribute("aria-pressed", pressed);
      block.setAttribute("tabindex", pressed ? 0 : -1);
    }
  };
  const choose = (block) => {
    mark(block);
    setStateValue("layer", block.dataset.layer);
  };
  const chosen = blocks.find((block) => block.dataset.layer === data.layer) ?? blocks[0];
  mark(chosen);
  reveal(root, chosen);

  root.onclick = (event) => {
    const block = event.target.closest(".block");
    if (block) choose(block);
  };
  root.onkeydown = (event) => {
    const here = blocks.indexOf(event.target.closest(".block"));
    const steps = { ArrowRight: 1, ArrowLeft: -1, Enter: 0, " ": 0 };
    const next = blocks[here + steps[event.key]];
    if (here < 0 || !next) return;
    event.preventDefault();
    next.focus();
    choose(next);
  };
}
