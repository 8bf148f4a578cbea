// A drawing to look at and to save.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".drawing");
  if (root.dataset.svg === data.svg) return;
  root.dataset.svg = data.svg;
  root.innerHTML = data.svg;
  offerFiles(parentElement.querySelector(".files"), data.svg, data.name);
}
