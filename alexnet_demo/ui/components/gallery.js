// Pictures in rows; where they open something, each is a button.
const drawn = new WeakMap(); // the tiles that an element shows now, as text

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.classList.toggle("small", data.small);
  const text = JSON.stringify([data.tiles, data.opens]);
  if (drawn.get(root) !== text) {
    root.replaceChildren(...data.tiles.map((tile) => show(tile, data.opens)));
    drawn.set(root, text); // what is drawn already stays, and the keyboard's focus with it
  }
  if (data.chosen !== null) {
    for (const button of root.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.dataset.number) === data.chosen);
    }
  }
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("opened", Number(button.dataset.number));
  };
}

function show({ number, src, alt, says, below }, opens) {
  const element = document.createElement(opens ? "button" : "figure");
  const image = document.createElement("img");
  image.src = src;
  image.alt = element.title = alt;
  element.append(image);
  if (says) element.append(line("says", says));
  if (below) element.append(line("below", below));
  if (opens) {
    element.type = "button";
    element.dataset.number = number;
  }
  return element;
}

function line(className, words) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = words;
  return element;
}
