// Pictures in rows; where they open something, each is a button.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.classList.toggle("small", data.small);
  root.replaceChildren(...data.tiles.map((tile) => show(tile, data)));
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("opened", Number(button.dataset.number));
  };
}

function show({ number, src, alt, says, below }, { opens, chosen }) {
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
    if (chosen !== null) element.setAttribute("aria-pressed", number === chosen);
  }
  return element;
}

function line(className, words) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = words;
  return element;
}
