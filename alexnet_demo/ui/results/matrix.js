// A confusion matrix: a table of buttons. One is chosen at a time, by click, tap or arrow key.
const drawn = new WeakMap(); // the counts that an element shows now, as text

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".matrix");
  const { classes, counts } = data;
  const text = JSON.stringify(counts);
  if (drawn.get(root) !== text) {
    root.replaceChildren(table(classes, counts));
    drawn.set(root, text);
  }
  const buttons = [...root.querySelectorAll("button")];
  const mark = (button) => {
    for (const each of buttons) {
      each.setAttribute("aria-pressed", each === button);
      each.tabIndex = each === button ? 0 : -1;
    }
  };
  const choose = (button) => {
    mark(button);
    const place = buttons.indexOf(button);
    setStateValue("cell", [Math.floor(place / classes.length), place % classes.length]);
  };
  const chosen = buttons[data.cell[0] * classes.length + data.cell[1]];
  mark(chosen);
  reveal(root, chosen);

  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) choose(button);
  };
  root.onkeydown = (event) => {
    const side = classes.length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: side, ArrowUp: -side };
    const here = buttons.indexOf(event.target.closest("button"));
    const step = steps[event.key];
    const next = buttons[here + step];
    if (here < 0 || !next) return;
    const sameRow = Math.floor(here / side) === Math.floor((here + step) / side);
    event.preventDefault();
    if (Math.abs(step) === 1 && !sameRow) return;
    next.focus();
    choose(next);
  };
}

function table(classes, counts) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  head.append(cell("td", "is ↓ said →", "corner"));
  for (const name of classes) head.append(header(name, "col"));
  const body = element.createTBody();
  counts.forEach((row, true_) => {
    const line = body.insertRow();
    line.append(header(classes[true_], "row"));
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    row.forEach((count, guess) => {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      button.textContent = count || "·";
      button.className = true_ === guess ? "right" : "wrong";
      // By the root, so that a share of one per cent can still be seen.
      button.style.setProperty("--share", Math.sqrt(count / total).toFixed(3));
      const said = true_ === guess ? "known" : `taken for ${classes[guess]}`;
      button.title = `${count} of ${total}: ${classes[true_]}, ${said}`;
      button.setAttribute("aria-label", button.title);
      line.insertCell().append(button);
    });
  });
  return element;
}

function header(name, scope) {
  const element = cell("th", name);
  element.scope = scope;
  return element;
}

function cell(tag, words, className = "") {
  const element = document.createElement(tag);
  const inner = document.createElement("span");
  inner.textContent = words;
  element.append(inner);
  element.className = className;
  return element;
}
