// Pictures in rows; where they open something, each is a button.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.classList.toggle("small", data.small);
  if (changed(root, [data.tiles, data.opens])) {
    root.replaceChildren(...data.tiles.map((tile) => show(tile, data.opens)));
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
  const element = createElement(opens ? "button" : "figure");
  const image = document.createElement("img");
  image.src = src;
  image.alt = element.title = alt;
  element.append(image);
  if (says) element.append(createElement("span", says, "says"));
  if (below) element.append(createElement("span", below, "below"));
  if (opens) {
    element.type = "button";
    element.dataset.number = number;
  }
  return element;
}
